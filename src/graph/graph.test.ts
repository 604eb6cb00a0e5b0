import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { compiledGraph } from '../../test/support/graphs.ts';
import { chainsOf, targetOf } from '../../test/support/restore-text.ts';
import {
  endpoint,
  type Given,
  loadBalancer,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
} from '../../test/support/rules.ts';
import { isServicePortChain } from '../chains/names.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import { printRuleset } from '../iptables/print.ts';
import { FAMILIES } from '../net/address.ts';
import { printFraction } from './fraction.ts';
import { graphOf } from './graph.ts';
import type { RuleGraph } from './types.ts';

/** Chains named by a hash go by what they are for, and ids by their labels. */
function arrows({ nodes, edges }: RuleGraph): string[] {
  const names = new Map(nodes.map(({ id, label, service = '' }) => [id, `${label}@${service}`]));
  const readable = (id: string) =>
    (names.get(id) ?? id).replace(/KUBE-(\w+)-[A-Z2-7]{16}/, '$1').replace(/@$/, '');
  return edges.map(({ from, to, label }) => `${readable(from)} -${label}-> ${readable(to)}`);
}

describe('arrows', () => {
  test.each<[string, Given, string[]]>([
    [
      'endpoints share what comes',
      { objects: [service(), slice(['10.244.1.5', '10.244.1.6', '10.244.1.7'])] },
      [
        'PREROUTING --> KUBE-SERVICES',
        'KUBE-SERVICES -tcp 10.96.0.10:80-> SVC@shop/web',
        'SVC@shop/web -1/3-> SEP@shop/web',
        'SEP@shop/web -from 10.244.1.5-> KUBE-MARK-MASQ',
        'SEP@shop/web -tcp-> DNAT 10.244.1.5:8080@shop/web',
        'KUBE-MARK-MASQ --> MARK --or-mark 0x00004000',
        'KUBE-POSTROUTING --> MASQUERADE --random-fully',
      ],
    ],
    [
      'one endpoint has it all',
      { objects: [service(), slice(['10.244.1.5'])] },
      ['SVC@shop/web -1/1-> SEP@shop/web'],
    ],
    [
      'clients that come back',
      { objects: [service({ sessionAffinity: 'ClientIP' }), slice(['10.244.1.5', '10.244.1.6'])] },
      ['SVC@shop/web -seen within 10800 s-> SEP@shop/web', 'SVC@shop/web -1/2-> SEP@shop/web'],
    ],
    [
      'nobody answers',
      { objects: [service()] },
      ['KUBE-SERVICES -tcp 10.96.0.10:80-> REJECT@shop/web', 'FORWARD -NEW-> KUBE-SERVICES'],
    ],
    [
      'a load balancer for some, with a Local policy',
      {
        objects: [
          loadBalancer({ externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['198.51.100.0/24'] }),
          slice([endpoint('10.244.1.5', ON_NODE_A), endpoint('10.244.2.5', ON_NODE_B)]),
        ],
      },
      [
        'KUBE-SERVICES -tcp 203.0.113.10:80-> FW@shop/web',
        'FW@shop/web -from 198.51.100.0/24-> EXT@shop/web',
        'EXT@shop/web -from 10.244.0.0/16-> SVC@shop/web',
        'EXT@shop/web --> SVL@shop/web',
        'SVL@shop/web -1/1-> SEP@shop/web',
        'SVC@shop/web -1/2-> SEP@shop/web',
        'KUBE-PROXY-FIREWALL -tcp 203.0.113.10:80-> DROP@shop/web',
      ],
    ],
    [
      'IPv6',
      {
        family: 'ipv6',
        objects: [
          service({ clusterIP: 'fd00:10:96::a' }),
          slice(['fd00:10:244:1::5'], { addressType: 'IPv6' }),
        ],
      },
      [
        'KUBE-SERVICES -tcp [fd00:10:96::a]:80-> SVC@shop/web',
        'SEP@shop/web -tcp-> DNAT [fd00:10:244:1::5]:8080@shop/web',
      ],
    ],
  ])('%s', (_, given, expected) => {
    expect(arrows(compiledGraph(given))).toEqual(expect.arrayContaining(expected));
  });

  test('only the choice of an endpoint has a share', () => {
    const { edges } = compiledGraph({ objects: [service(), slice(['10.244.1.5'])] });
    expect(edges.filter(({ share }) => share).map(({ label }) => label)).toEqual(['1/1']);
  });

  test('of the built-in chains, those that lead to chains that are there', () => {
    const graph = compiledGraph({ host: {}, config: { iptables: { localhostNodePorts: false } } });
    expect(arrows(graph).filter((arrow) => arrow.startsWith('INPUT'))).toEqual([
      'INPUT -NEW-> KUBE-PROXY-FIREWALL',
      'INPUT --> KUBE-NODEPORTS',
      'INPUT -NEW-> KUBE-EXTERNAL-SERVICES',
    ]);
  });
});

test('a large cluster, whose rules say less: every endpoint belongs to its Service', () => {
  const addresses = Array.from({ length: 1001 }, (_, i) => `10.244.${i >> 8}.${i & 255}`);
  const { nodes } = compiledGraph({ objects: [service(), slice(addresses)] });
  const own = nodes.filter(({ label }) => /^(KUBE-(SEP|SVC)-|DNAT )/.test(label));
  expect(own).toHaveLength(2 * 1001 + 1);
  expect(new Set(own.map((node) => node.service))).toEqual(new Set(['shop/web']));
});

/** Graphs of random clusters, beside what they are graphs of. */
function forRandomClusters(
  check: (graph: RuleGraph, compiler: IncrementalCompiler, services: readonly string[]) => void,
): void {
  fc.assert(
    fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      const compiler = new IncrementalCompiler(node, options(family));
      compiler.update(cluster);
      check(graphOf(compiler.ruleset()), compiler, [...cluster.services.keys()]);
    }),
  );
}

const isOurs = ({ nodes }: RuleGraph) => {
  const builtIn = new Set(nodes.flatMap((node) => (node.kind === 'chain' && node.builtIn ? [node.id] : [])));
  return (id: string) => !builtIn.has(id);
};

describe('random clusters', () => {
  test('each chain is one node', () => {
    forRandomClusters((graph, compiler) => {
      const chains = graph.nodes.flatMap((node) =>
        node.kind === 'chain' && !node.builtIn ? [`${node.table} ${node.label}`] : [],
      );
      expect(chains.sort()).toEqual([...chainsOf(printRuleset(compiler.ruleset())).keys()].sort());
      expect(new Set(graph.nodes.map(({ id }) => id)).size).toBe(graph.nodes.length);
    });
  });

  test('each rule with a target is one edge', () => {
    forRandomClusters((graph, compiler) => {
      const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
      const ours = isOurs(graph);
      const edges = graph.edges.flatMap(({ from, to }) => {
        const [source, target] = [nodes.get(from), nodes.get(to)];
        expect(target).toBeDefined();
        if (source?.kind !== 'chain' || !ours(from)) return [];
        return [`${source.table} ${source.label} -> ${target?.label.split(' ')[0]}`];
      });
      const rules = [...chainsOf(printRuleset(compiler.ruleset()))].flatMap(([chain, rules]) =>
        rules.filter((rule) => targetOf(rule) !== '').map((rule) => `${chain} -> ${targetOf(rule)}`),
      );
      expect(edges.sort()).toEqual(rules.sort());
    });
  });

  test('shares of a chain are equal, and add up to 1', () => {
    forRandomClusters(({ edges }) => {
      for (const [chain, choice] of Map.groupBy(edges, ({ from }) => from)) {
        const shares = choice.flatMap(({ share, label }) => (share ? [[printFraction(share), label]] : []));
        for (const [share, label] of shares) {
          expect(share).toBe(`1/${shares.length}`);
          // In the fast layout, the same rule says which protocol it is.
          expect(
            [
              '',
              'tcp, ',
              'udp, ',
              'sctp, ',
              'tcp, remembered, ',
              'udp, remembered, ',
              'sctp, remembered, ',
            ].map((packets) => `${packets}${share}`),
          ).toContain(label);
        }
        expect(shares.length > 0).toBe(/^nat KUBE-SV[CL]-[^/]*$/.test(chain));
      }
    });
  });

  test('a chain belongs to the Service that is compiled to it', () => {
    forRandomClusters(({ nodes }, compiler, services) => {
      const chainsFor = (only: ReadonlySet<string>) =>
        compiler
          .ruleset(only)
          .tables.flatMap(({ name: table, chains }) =>
            chains.flatMap(({ name }) => (isServicePortChain(name) ? [`${table} ${name}`] : [])),
          );
      const ofNode = new Set(chainsFor(new Set()));
      const owners = new Map(
        services.flatMap((service) =>
          chainsFor(new Set([service]))
            .filter((chain) => !ofNode.has(chain))
            .map((chain) => [chain, service]),
        ),
      );
      for (const node of nodes) {
        if (node.kind === 'chain') expect(node.service).toBe(owners.get(`${node.table} ${node.label}`));
      }
    });
  });
});

import { Graphviz } from '@hpcc-js/wasm-graphviz';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { nastyRuleset, nastyText } from '../../../test/support/arbitrary/nasty-rulesets.ts';
import { natOfTwoEndpoints } from '../../../test/support/graphs.ts';
import { collapse } from '../collapse.ts';
import { graphOf } from '../graph.ts';
import { printDot } from './dot.ts';

/** Without its looks. */
function meaning(dot: string): string {
  return dot
    .replace(/, (fillcolor|color|style|tooltip)=("(\\.|[^"\\])*"|[^,\]]*)/g, '')
    .split('\n')
    .filter((line) => !/^ {2}(rankdir|graph|node|edge)/.test(line))
    .join('\n');
}

test('a Service with two endpoints', () => {
  expect(meaning(printDot(natOfTwoEndpoints()))).toMatchInlineSnapshot(`
    "digraph "svc2ipt ipv4" {
      subgraph cluster_0 {
        label="table nat"
        n0 [label="PREROUTING"]
        n1 [label="OUTPUT"]
        n2 [label="POSTROUTING"]
        n3 [label="KUBE-SERVICES"]
        n4 [label="KUBE-NODEPORTS"]
        n5 [label="KUBE-POSTROUTING"]
        n6 [label="KUBE-MARK-MASQ"]
        n10 [label="RETURN"]
        n11 [label="MARK --xor-mark 0x00004000"]
        n12 [label="MASQUERADE --random-fully"]
        n13 [label="MARK --or-mark 0x00004000"]
      }
      subgraph cluster_1 {
        label="shop/web"
        n7 [label="KUBE-SVC-67NZLRHBNDSAWJRO"]
        n8 [label="KUBE-SEP-34ZZ2QFGO32YYXXO"]
        n9 [label="KUBE-SEP-MCTKD62NLNFFFI4W"]
        n14 [label="DNAT 10.244.1.5:8080"]
        n15 [label="DNAT 10.244.1.6:8080"]
        n6_1 [label="KUBE-MARK-MASQ"]
        n7 -> n6_1 [label="tcp 10.96.0.10:80, not from 10.244.0.0/16"]
        n8 -> n6_1 [label="from 10.244.1.5"]
        n9 -> n6_1 [label="from 10.244.1.6"]
      }
      n0 -> n3 [label=""]
      n1 -> n3 [label=""]
      n2 -> n5 [label=""]
      n3 -> n7 [label="tcp 10.96.0.10:80"]
      n3 -> n4 [label="to this node"]
      n5 -> n10 [label="not marked 0x4000"]
      n5 -> n11 [label=""]
      n5 -> n12 [label=""]
      n6 -> n13 [label=""]
      n7 -> n8 [label="1/2"]
      n7 -> n9 [label="1/2"]
      n8 -> n14 [label="tcp"]
      n9 -> n15 [label="tcp"]
    }
    "
  `);
});

test('collapsed', () => {
  expect(meaning(printDot(collapse(natOfTwoEndpoints())))).toMatchInlineSnapshot(`
    "digraph "svc2ipt ipv4" {
      subgraph cluster_0 {
        label="table nat"
        n0 [label="PREROUTING"]
        n1 [label="OUTPUT"]
        n2 [label="POSTROUTING"]
        n3 [label="KUBE-SERVICES"]
        n4 [label="KUBE-NODEPORTS"]
        n5 [label="KUBE-POSTROUTING"]
        n6 [label="KUBE-MARK-MASQ"]
        n8 [label="RETURN"]
        n9 [label="MARK --xor-mark 0x00004000"]
        n10 [label="MASQUERADE --random-fully"]
        n11 [label="MARK --or-mark 0x00004000"]
      }
      subgraph cluster_1 {
        label="Services"
        n7 [label="shop/web (2 endpoints)"]
      }
      n0 -> n3 [label=""]
      n1 -> n3 [label=""]
      n2 -> n5 [label=""]
      n3 -> n4 [label="to this node"]
      n5 -> n8 [label="not marked 0x4000"]
      n5 -> n9 [label=""]
      n5 -> n10 [label=""]
      n6 -> n11 [label=""]
      n3 -> n7 [label="tcp 10.96.0.10:80"]
    }
    "
  `);
});

test('an arrow tells its rule, comment and all', () => {
  expect(printDot(natOfTwoEndpoints())).toContain(
    String.raw`[label="tcp 10.96.0.10:80", tooltip="-m comment --comment \"shop/web:http cluster IP\" -m tcp -p tcp -d 10.96.0.10 --dport 80 -j KUBE-SVC-`,
  );
});

const drawn = z.object({
  objects: z.array(
    z.object({ name: z.string(), label: z.string().optional(), nodes: z.array(z.number()).optional() }),
  ),
  edges: z.array(z.object({ label: z.string() })),
});

const graphviz = await Graphviz.load();

/** What Graphviz reads in a string of a label. */
function read(label: string): string {
  return label.replace(/\\(.)/g, '$1').replaceAll('&amp;', '&');
}

test('whatever names are, Graphviz finds these nodes and edges with these labels', () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      const graph = graphOf(nastyRuleset(text));
      const { objects, edges } = drawn.parse(JSON.parse(graphviz.dot(printDot(graph), 'dot_json')));
      const boxes = objects.filter(({ nodes }) => nodes === undefined);
      const own = boxes.filter(({ name }) => !name.includes('_'));
      expect(own.map(({ label = '' }) => read(label)).sort()).toEqual(
        graph.nodes.map(({ label }) => label).sort(),
      );
      // Copies have the labels of what they stand for.
      const labelOf = new Map(own.map(({ name, label }) => [name, label]));
      for (const { name, label } of boxes) expect(label).toBe(labelOf.get(name.replace(/_.*/, '')));
      expect(edges.map(({ label }) => read(label)).sort()).toEqual(
        graph.edges.map(({ label }) => label).sort(),
      );
    }),
  );
});

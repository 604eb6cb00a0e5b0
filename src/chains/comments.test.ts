import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load } from '../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../test/support/arbitrary/large-cluster.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { compile } from '../compiler/compile.ts';
import { printRule } from '../iptables/print.ts';
import { FAMILIES } from '../net/address.ts';
import {
  aboutOf,
  type CommentForm,
  commentFor,
  portNameOf,
  readComment,
  serviceOf,
  servicePortName,
} from './comments.ts';
import { chainKind, isServicePortChain, isSharedChain } from './names.ts';

describe('what kube-proxy v1.36 writes', () => {
  test.each<[string, CommentForm]>([
    ['shop/web:http', 'itself'],
    ['shop/web:http cluster IP', 'cluster IP'],
    ['shop/web:http external IP', 'external IP'],
    ['shop/web:http loadbalancer IP', 'load-balancer IP'],
    ['shop/web:http has no endpoints', 'no endpoints'],
    ['shop/web:http has no local endpoints', 'no local endpoints'],
    ['shop/web:http health check node port', 'health check node port'],
    ['shop/web:http traffic not accepted by KUBE-FW-WQRDCXJUEVHZ3VRQ', 'not accepted'],
    ['shop/web:http -> 10.244.1.5:8080', 'endpoint'],
    ['shop/web:http -> [fd00:10:244::5]:8080', 'endpoint'],
    ['masquerade traffic for shop/web:http external destinations', 'masquerade external'],
    ['pod traffic for shop/web:http external destinations', 'pods to external'],
    ['masquerade LOCAL traffic for shop/web:http external destinations', 'masquerade local to external'],
    ['route LOCAL traffic for shop/web:http external destinations', 'route local to external'],
    ['other traffic to shop/web:http will be dropped by KUBE-PROXY-FIREWALL', 'other traffic'],
  ])('%s', (comment, form) => {
    expect(readComment(comment)).toEqual({ servicePort: 'shop/web:http', form });
  });

  test.each([
    'kubernetes service portals',
    'kubernetes service nodeports; NOTE: this must be the last rule in this chain',
    'kubernetes forwarding conntrack rule',
    'kubernetes service traffic requiring SNAT',
    'block incoming localnet connections',
    'a pod that reaches itself',
    '',
    ' ',
    '/',
    'web cluster IP',
    'masquerade traffic for nobody external destinations',
  ])('%s is about no service port', (comment) => {
    expect(readComment(comment)).toBeUndefined();
  });

  test('words that are none of ours, behind a name', () => {
    expect(readComment('shop/web is nice')).toEqual({ servicePort: 'shop/web', form: 'other' });
  });
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

test('names are read as they are written', () => {
  fc.assert(
    fc.property(label, label, fc.oneof(fc.constant(''), label), fc.boolean(), (ns, name, port, legacy) => {
      const service = `${ns}/${name}`;
      const servicePort = servicePortName(service, port, legacy);
      expect([serviceOf(servicePort), portNameOf(servicePort)]).toEqual([service, port]);
      const { match, ...rest } = commentFor(servicePort, 'cluster IP');
      expect(match).toBe('comment');
      expect(readComment('comment' in rest ? rest.comment : '')).toEqual({ servicePort, form: 'cluster IP' });
    }),
  );
});

test('whatever the cluster, every comment in a chain of a service port names one', () => {
  fc.assert(
    fc.property(
      largeCluster,
      fc.constantFrom(...FAMILIES),
      fc.constantFrom(...LAYOUT_NAMES),
      (raw, family, layout) => {
        const { cluster, node, options } = load(raw);
        const { tables } = compile(cluster, node, { ...options(family), layout });
        const services = new Set<string>();
        const wrong: string[] = [];
        for (const { name, rules } of tables.flatMap(({ chains }) => chains)) {
          if (isSharedChain(name) && isServicePortChain(name)) wrong.push(name);
          for (const rule of rules) {
            const about = aboutOf(rule);
            if (about) services.add(serviceOf(about.servicePort));
            // A part of a tree for pods that reach themselves may look like a group, and is the node's.
            const isNameless = isServicePortChain(name) && chainKind(name) !== 'group' && !about;
            const commented = rule.matches.some(({ match }) => match === 'comment');
            if (about?.form === 'other' || (isNameless && commented)) wrong.push(`${name}${printRule(rule)}`);
          }
        }
        expect(wrong).toEqual([]);
        expect([...services].filter((name) => !cluster.services.has(name))).toEqual([]);
      },
    ),
    { numRuns: 5 },
  );
});

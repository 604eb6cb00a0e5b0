/** IPv6, where only a part of it is set up. */
import { FAMILIES, FAMILY_NAMES, familyOf } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import type { CheckedNode } from '../checked-node.ts';
import { type CheckedCluster, shownPorts } from '../cluster.ts';
import { hasServiceRules } from '../node-families.ts';

export const ipv6: Check = {
  code: 'ipv6-half-set-up',
  title: 'IPv6 is set up whole, or not at all.',
  severity: 'error',
  remedy: 'Give the node what is missing, or make the Services single-stack: ipFamilyPolicy SingleStack.',
  needs: 'node',
  find(node, cluster) {
    const wants = cluster ? wantedBy(cluster) : undefined;
    if (wants === undefined && !hasServiceRules('ipv6', node)) return [];
    if (cluster !== undefined && wants === undefined) return [];
    const what = wants ?? 'There are IPv6 rules of Services';
    return lacksOf(node).map((lack) => ({ ...lack, cause: `${what}, but ${lack.cause}.` }));
  },
};

function wantedBy(cluster: CheckedCluster): string | undefined {
  const one = shownPorts(cluster).find(({ family }) => family === 'ipv6');
  return one && `${one.service} has an IPv6 cluster IP`;
}

function lacksOf(node: CheckedNode): Trouble[] {
  const lacks: Trouble[] = [];
  const rules = node.snapshot.outputs[saveOutput(node.backend, 'ipv6')];
  if ('missing' in rules) {
    lacks.push({ cause: 'the node has no ip6tables', evidence: [rules.missing] });
  }
  const disabled = ['all', 'default'].filter((of) => node.sysctl(`net/ipv6/conf/${of}/disable_ipv6`) === '1');
  if (disabled.length > 0) {
    const evidence = disabled.map((of) => `net.ipv6.conf.${of}.disable_ipv6 = 1`);
    lacks.push({ cause: 'the kernel has IPv6 disabled', evidence });
  }
  const addresses = FAMILIES.map((family) =>
    node.links.flatMap((link) => link.addresses).filter((one) => familyOf(one) === family),
  );
  const [, ofIPv6 = []] = addresses;
  if (ofIPv6.length === 0) {
    lacks.push({
      cause: 'no interface of the node has an IPv6 address that others can reach',
      evidence: ['ip address: none but of link scope'],
    });
  } else if (defaults(node, 'ipv4') > 0 && defaults(node, 'ipv6') === 0) {
    lacks.push({
      cause: `the node has no ${FAMILY_NAMES.ipv6} default route, as it has for ${FAMILY_NAMES.ipv4}`,
      evidence: ['ip -6 route: no default'],
      severity: 'warning',
    });
  }
  return lacks;
}

function defaults(node: CheckedNode, family: 'ipv4' | 'ipv6'): number {
  return node.routes(family).filter(({ isDefault, type }) => isDefault && type === 'unicast').length;
}

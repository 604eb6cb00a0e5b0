/** Whether the node sends packets on that are for others. */
import { FAMILIES, FAMILY_NAMES } from '../../net/address.ts';
import type { Check, Trouble } from '../check.ts';
import { hasFamily } from '../node-families.ts';

const SETTINGS = {
  ipv4: { sysctl: 'net/ipv4/ip_forward', name: 'net.ipv4.ip_forward' },
  ipv6: { sysctl: 'net/ipv6/conf/all/forwarding', name: 'net.ipv6.conf.all.forwarding' },
} as const;

export const ipForward: Check = {
  code: 'ip-forward-off',
  title: 'The node forwards packets.',
  severity: 'error',
  remedy: 'Set it to 1 with sysctl -w, and in a file of /etc/sysctl.d so that it stays.',
  needs: 'node',
  find(node, cluster) {
    return FAMILIES.flatMap((family): Trouble[] => {
      const { sysctl, name } = SETTINGS[family];
      const value = node.sysctl(sysctl);
      if (!hasFamily(family, node, cluster) || value === undefined || value === '1') return [];
      return [
        {
          cause: `The node forwards no ${FAMILY_NAMES[family]} packets, so none gets from a client to a Pod.`,
          evidence: [`${name} = ${value}`],
        },
      ];
    });
  },
};

/** Packets that the kernel drops for their source address. */
import type { Check, Trouble } from '../check.ts';
import type { CheckedNode, Link } from '../checked-node.ts';
import { NotChecked } from '../not-checked.ts';

/** Far away (RFC 5737). */
const FAR = '192.0.2.77';

/** A strict filter, where both settings are asked and the higher one counts (ip-sysctl.rst). */
const STRICT = 1;

export const reversePath: Check = {
  code: 'rp-filter-strict',
  title: 'No reverse path filter drops packets of clients.',
  severity: 'warning',
  remedy:
    'Set net.ipv4.conf.INTERFACE.rp_filter to 2 (and that of all to no less), or route replies back by the interface.',
  needs: 'node',
  find(node) {
    const ways = node.routeTo(FAR)?.devices ?? [];
    return node.links.flatMap((link): Trouble[] => {
      const [all, own] = ['all', link.name].map((name) => Number(setting(node, name, 'rp_filter') ?? 0));
      if (!isTowardsOthers(link) || Math.max(all ?? 0, own ?? 0) !== STRICT) return [];
      if (ways.includes(link.name)) return [];
      return [
        {
          cause: `The kernel drops what comes in by ${link.name} from clients that its own routes lead to by another interface, as those to node ports may be.`,
          evidence: [
            `net.ipv4.conf.all.rp_filter = ${all}`,
            `net.ipv4.conf.${link.name}.rp_filter = ${own}`,
            ways.length === 0 ? 'no default route' : `default route by ${ways.join(', ')}`,
          ],
        },
      ];
    });
  },
};

export const acceptLocal: Check = {
  code: 'accept-local',
  title: 'Packets with a source of the node itself are accepted where they must be, and only there.',
  severity: 'warning',
  remedy:
    'Set net.ipv4.conf.INTERFACE.accept_local to 1 where a load balancer sends packets of this node back to it, and to 0 elsewhere.',
  needs: 'node',
  find(node, cluster) {
    if (node.sysctl('net/ipv4/conf/all/accept_local') === undefined) {
      throw new NotChecked('the kernel does not say net.ipv4.conf.all.accept_local');
    }
    const outside = node.links.filter((link) => node.uplinks.has(link.name) && isTowardsOthers(link));
    const proxied = [...(cluster?.cluster.services ?? [])].flatMap(([name, { service }]) =>
      cluster?.isShown(name)
        ? service.otherIngress
            .filter(({ because }) => because === 'ipMode Proxy')
            .map(({ address }) => `${name}: ${address} has ipMode Proxy`)
        : [],
    );
    return outside.flatMap(({ name }): Trouble[] => {
      const accepts = ['all', name].some((of) => setting(node, of, 'accept_local') === '1');
      const filter = Math.max(...['all', name].map((of) => Number(setting(node, of, 'rp_filter') ?? 0)));
      const evidence = ['all', name].map(
        (of) => `net.ipv4.conf.${of}.accept_local = ${setting(node, of, 'accept_local')}`,
      );
      if (accepts && proxied.length === 0 && filter === 0) {
        const cause = `By ${name}, the node accepts packets from the network with its own addresses as their source.`;
        return [{ cause, evidence }];
      }
      if (accepts || proxied.length === 0) return [];
      const cause = `What this node sends to a load balancer that keeps its source, and gets back by ${name}, the kernel drops.`;
      return [{ cause, evidence: [...evidence, ...proxied] }];
    });
  },
};

function setting(node: CheckedNode, device: string, name: string): string | undefined {
  // A dot in the name of an interface stays one in the name of the file.
  return node.sysctl(`net/ipv4/conf/${device}/${name}`);
}

/** Whether clients may be behind it. */
function isTowardsOthers({ isUp, isLoopback, kind, bridge, addresses }: Link): boolean {
  const hasNetwork = addresses.some((address) => !address.includes(':') && !address.endsWith('/32'));
  return isUp && !isLoopback && kind !== 'bridge' && bridge === undefined && hasNetwork;
}

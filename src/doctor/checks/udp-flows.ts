/** UDP flows that go on to where no rule sends them. */
import { parseFlows, staleFlows } from '../../applier/conntrack.ts';
import { udpDestinationsOf } from '../../compiler/plan.ts';
import { joinPort } from '../../net/address.ts';
import type { Check, Trouble } from '../check.ts';
import { shownPorts } from '../cluster.ts';
import { NotChecked } from '../not-checked.ts';

export const udpFlows: Check = {
  code: 'stale-udp-flows',
  title: 'No UDP flow goes on to an endpoint that is gone.',
  severity: 'error',
  remedy: 'conntrack -D -p udp -d ADDRESS --dport PORT deletes them, as does the agent when it starts.',
  needs: 'cluster',
  find(node, cluster) {
    const ports = shownPorts(cluster);
    const local = new Set(
      node.links.flatMap(({ addresses }) => addresses.map((one) => one.split('/')[0] ?? '')),
    );
    return node.families.flatMap((family): Trouble[] => {
      const current = ports.flatMap((one) => (one.family === family ? udpDestinationsOf(one.plan) : []));
      if (current.length === 0) return [];
      const { flows, problem } = parseFlows(node.output(`conntrack-udp-${family}`));
      if (problem !== undefined)
        throw new NotChecked(`conntrack -L prints what is not known here: ${problem}`);
      return staleFlows(flows, { current, former: [] }, local).map(({ destination, port, answers }) => ({
        cause: `A UDP flow to ${joinPort(destination, port)} goes on to ${answers}, which is no endpoint of it.`,
        evidence: [`conntrack: udp dst=${destination} dport=${port}, replies from ${answers}`],
      }));
    });
  },
};

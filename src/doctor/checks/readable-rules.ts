/** Whether iptables can read the rules that it has. */
import { FAMILIES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { problemIn } from '../checked-node.ts';

export const readableRules: Check = {
  code: 'rules-unreadable',
  title: 'iptables can read all rules.',
  severity: 'error',
  remedy:
    'Find the rule that only nft understands (nft list ruleset), and have its owner write it with iptables, or into a table of its own.',
  needs: 'node',
  find({ snapshot }) {
    return (['nft', 'legacy'] as const).flatMap((backend) =>
      FAMILIES.flatMap((family): Trouble[] => {
        const name = saveOutput(backend, family);
        const reading = snapshot.outputs[name];
        const problem = 'text' in reading ? problemIn(reading.text) : undefined;
        if (problem === undefined) return [];
        const cause = `${name} does not print all rules, so whoever writes rules with iptables fails, and other checks cannot be made.`;
        return [{ cause, evidence: [problem] }];
      }),
    );
  },
};

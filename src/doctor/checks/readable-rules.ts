/** Whether iptables can read the rules that it has. */
import { FAMILIES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { problemIn } from '../checked-node.ts';

/** What iptables-nft-save says of chains that it leaves out (1.8.9). */
const HIDDEN_CHAINS = /^# Table `.*' contains incompatible base-chains.*$/m;

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
        if ('missing' in reading) return [];
        const [hidden] = HIDDEN_CHAINS.exec(reading.text) ?? [];
        const problem = problemIn(reading.text);
        if (problem === undefined && hidden !== undefined) {
          const cause = `${name} leaves out chains that nft has put beside the built-in ones: what they do to packets, no other check knows.`;
          return [{ cause, evidence: [hidden], severity: 'warning' }];
        }
        if (problem === undefined) return [];
        const cause = `${name} does not print all rules, so whoever writes rules with iptables fails, and other checks cannot be made.`;
        return [{ cause, evidence: [problem] }];
      }),
    );
  },
};

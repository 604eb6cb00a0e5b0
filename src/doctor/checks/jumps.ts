/** The rules in built-in chains that lead to the rules of Services. */
import { JUMPS } from '../../chains/jumps.ts';
import { KUBELET_CHAIN } from '../../chains/names.ts';
import { printSavedRule } from '../../iptables/saved.ts';
import { FAMILY_NAMES } from '../../net/address.ts';
import type { Check } from '../check.ts';
import { hasServiceRules } from '../node-families.ts';

export const jumpMissing: Check = {
  code: 'jump-missing',
  title: 'The built-in chains lead to the rules of Services.',
  severity: 'error',
  remedy: 'The agent puts it back within a syncPeriod; svc2ipt apply does so now. Find out who removes it.',
  needs: 'node',
  find(node) {
    return node.families.flatMap((family) => {
      // Where there is none at all, that is another finding.
      if (!hasServiceRules(family, node)) return [];
      const { tables } = node.current(family);
      return JUMPS.flatMap((jump) => {
        const table = tables.get(jump.table);
        // What a kubelet's chain is for is checked by what it does.
        const isThere = table?.jumps.has(jump) === true || jump.to === KUBELET_CHAIN;
        if (isThere || table?.chains.has(jump.to) !== true) return [];
        const line = `-t ${jump.table} -A ${jump.from}${printSavedRule(jump.rule, family)}`;
        return [
          {
            cause: `${FAMILY_NAMES[family]} packets in ${jump.from} do not come to ${jump.to}: the rule that leads there is missing.`,
            evidence: [`missing: ${line}`],
          },
        ];
      });
    });
  },
};

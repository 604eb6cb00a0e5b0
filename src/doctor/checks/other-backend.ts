/** Rules of Services in the iptables that the node does not use. */
import { FAMILIES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { countServiceChains } from '../checked-node.ts';

export const otherBackend: Check = {
  code: 'other-backend-rules',
  title: 'Only one iptables backend has rules of Services.',
  severity: 'error',
  remedy: 'svc2ipt cleanup removes them from both backends; then let the proxy write its rules again.',
  needs: 'node',
  find({ snapshot, backend, otherBackend, tables }) {
    return FAMILIES.flatMap((family): Trouble[] => {
      const name = saveOutput(otherBackend, family);
      // A program that is not installed leaves its rules where they are, but nobody can see them.
      if ('missing' in snapshot.outputs[name]) return [];
      const found = tables(family, otherBackend);
      const count = countServiceChains(found);
      if (count === 0) return [];
      return [
        {
          cause: `Packets meet the rules of both backends: those of iptables-${backend}, which the node uses, and old ones of iptables-${otherBackend}.`,
          evidence: [`${name}: ${count} ${count === 1 ? 'chain' : 'chains'} of Services`],
        },
      ];
    });
  },
};

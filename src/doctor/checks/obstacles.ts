/** Rules of others that keep packets from Services. */
import { FAMILY_NAMES } from '../../net/address.ts';
import type { Check } from '../check.ts';
import { ofFirewall } from '../firewalls.ts';
import { type Obstacle, obstaclesOn, packetsInWords } from '../traffic.ts';

function evidenceOf({ table, line }: Obstacle): string[] {
  return [`-t ${table} ${line}`];
}

export const ruleBeforeJump: Check = {
  code: 'rule-before-jump',
  title: 'No rule takes packets before the rules of Services do.',
  severity: 'error',
  remedy: 'Remove the rule, or put it behind the jump to KUBE-SERVICES.',
  needs: 'node',
  find: (node, cluster) =>
    obstaclesOn(node, cluster)
      .filter(({ kind }) => kind === 'taken')
      .map((obstacle) => ({
        cause: `A rule${ofFirewall(obstacle.chain)} takes ${FAMILY_NAMES[obstacle.family]} packets before the rules of Services do: ${packetsInWords(obstacle)}.`,
        evidence: evidenceOf(obstacle),
      })),
};

export const foreignDrop: Check = {
  code: 'foreign-drop',
  title: 'No rule of others drops or refuses what Services need.',
  severity: 'error',
  remedy: 'Change the firewall that writes it: it has to accept these packets, as the rule is its own.',
  needs: 'node',
  find: (node, cluster) =>
    obstaclesOn(node, cluster)
      .filter(({ kind }) => kind === 'dropped')
      .map((obstacle) => ({
        cause: `A rule${ofFirewall(obstacle.chain)} stops ${FAMILY_NAMES[obstacle.family]} ${packetsInWords(obstacle)}.`,
        evidence: evidenceOf(obstacle),
      })),
};

export const forwardPolicy: Check = {
  code: 'policy-drop',
  title: 'What no rule accepts is accepted, or nothing that Services need is left to it.',
  severity: 'error',
  remedy:
    'Accept the traffic of Pods (iptables -A FORWARD -s POD-RANGE -j ACCEPT, and -d), as CNI plugins do, or set the policy to ACCEPT.',
  needs: 'node',
  find: (node, cluster) =>
    obstaclesOn(node, cluster)
      .filter(({ kind }) => kind === 'policy')
      .map((obstacle) => ({
        cause: `The policy of ${obstacle.chain} is DROP, and no rule accepts ${FAMILY_NAMES[obstacle.family]} ${packetsInWords(obstacle)}.`,
        evidence: evidenceOf(obstacle),
      })),
};

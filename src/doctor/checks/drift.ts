/** Whether the rules do what the cluster asks for. */

import { isOwnChain } from '../../chains/names.ts';
import { compile } from '../../compiler/compile.ts';
import { appliedTo } from '../../effects/applied.ts';
import { effectsOf } from '../../effects/effects.ts';
import { knownClassNode } from '../../effects/known-node.ts';
import { tellOthers, tellServices } from '../../effects/words.ts';
import { parseRuleset } from '../../iptables/parse.ts';
import { prepare } from '../../iptables/simulator/prepare.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { FAMILY_NAMES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { hasFamily, hasServiceRules } from '../node-families.ts';

export const drift: Check = {
  code: 'rules-differ',
  title: 'The rules do what the cluster asks for.',
  severity: 'error',
  remedy:
    'Find out why whoever writes the rules does not: the log of the agent or of kube-proxy. svc2ipt diff shows the rules.',
  needs: 'cluster',
  find(node, cluster) {
    return node.families.flatMap((family): Trouble[] => {
      if (!hasFamily(family, node, cluster) || !hasServiceRules(family, node)) return [];
      const found = parseRuleset(node.output(saveOutput(node.backend, family)), family);
      const wanted = compile(cluster.cluster, cluster.node, cluster.options(family));
      // Jumps that are missing, and rules of others, are other findings.
      const prepared = (own: Ruleset) => prepare(appliedTo(found, own));
      const classNode = knownClassNode(cluster.node, family);
      const effects = effectsOf(prepared(ownChainsOf(found)), prepared(wanted), classNode);
      const services = tellServices(effects)
        .filter(({ service }) => cluster.isShown(service))
        .map(
          ({ service, sentences }): Trouble => ({
            cause: `The ${FAMILY_NAMES[family]} rules of ${service} do not do what the cluster asks for. With the right rules:`,
            evidence: sentences,
          }),
        );
      const others = tellOthers(effects);
      if (others.length === 0) return services;
      const cause = `${FAMILY_NAMES[family]} rules that belong to no Service of the cluster do something. With the right rules:`;
      return [...services, { cause, evidence: others }];
    });
  },
};

function ownChainsOf({ family, tables }: Ruleset): Ruleset {
  return {
    family,
    tables: tables.map(({ name, chains }) => ({
      name,
      chains: chains.filter((chain) => isOwnChain(name, chain.name)),
    })),
  };
}

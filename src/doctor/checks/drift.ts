/** Whether the rules do what the cluster asks for. */

import { chainDifferences } from '../../applier/chain-diff.ts';
import { planChanges } from '../../applier/plan.ts';
import { CANARY, isOwnChain } from '../../chains/names.ts';
import { compile } from '../../compiler/compile.ts';
import { appliedTo } from '../../effects/applied.ts';
import { effectsOf } from '../../effects/effects.ts';
import { knownClassNode } from '../../effects/known-node.ts';
import { tellOthers, tellServices } from '../../effects/words.ts';
import { parseRuleset } from '../../iptables/parse.ts';
import { type KnownChains, prepare } from '../../iptables/simulator/prepare.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { FAMILY_NAMES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import type { CheckedNode } from '../checked-node.ts';
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
      const wanted = compile(cluster.cluster, cluster.node, cluster.options(family));
      const differing = differingChains(node, wanted);
      if (differing.size === 0) return [];
      const found = parseRuleset(node.output(saveOutput(node.backend, family)), family);
      // Jumps that are missing, and rules of others, are other findings.
      const known: KnownChains = new Map();
      const prepared = (own: Ruleset) => prepare(appliedTo(found, own), known);
      const before = prepared(ownChainsOf(found));
      const after = prepared(whereDiffering(differing, ownChainsOf(found), wanted));
      const effects = effectsOf(before, after, knownClassNode(cluster.node, family));
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

/** `table chain` of each chain of ours that has other rules than wanted: most often, none does. */
function differingChains(node: CheckedNode, wanted: Ruleset): ReadonlySet<string> {
  const changes = planChanges(node.current(wanted.family), wanted);
  return new Set(
    chainDifferences(changes, wanted.family)
      .filter(({ table, chain }) => isOwnChain(table, chain) && chain !== CANARY)
      .map(({ table, chain }) => `${table} ${chain}`),
  );
}

/** The wanted chains, but those that are in the kernel where the two are alike: these need no comparing. */
function whereDiffering(differing: ReadonlySet<string>, found: Ruleset, wanted: Ruleset): Ruleset {
  return {
    family: wanted.family,
    tables: wanted.tables.map(({ name, chains }) => {
      const here = new Map(
        found.tables.find((table) => table.name === name)?.chains.map((chain) => [chain.name, chain]),
      );
      return {
        name,
        chains: chains.map((chain) =>
          differing.has(`${name} ${chain.name}`) ? chain : (here.get(chain.name) ?? chain),
        ),
      };
    }),
  };
}

function ownChainsOf({ family, tables }: Ruleset): Ruleset {
  return {
    family,
    tables: tables.map(({ name, chains }) => ({
      name,
      chains: chains.filter((chain) => isOwnChain(name, chain.name)),
    })),
  };
}

/** Rulesets to be drawn from what iptables-save prints. */
import { parseTable } from '../iptables/parse.ts';
import { readSavedText } from '../iptables/saved-text.ts';
import type { Chain, Family, Ruleset, Table, TableName } from '../iptables/types.ts';
import { serviceOfRule, servicesOfChains } from './services.ts';

/** The tables that packets to Services go by. */
const DRAWN: readonly TableName[] = ['filter', 'nat'];

/**
 * The filter and nat tables of a text that iptables-save printed, with the rules of other programs.
 * @throws ParseError where it is none
 */
export function savedRuleset(text: string, family: Family): Ruleset {
  const saved = readSavedText(text);
  const tables = DRAWN.flatMap((name): Table[] => {
    const chains = saved.get(name);
    return chains ? [parseTable(name, chains, family)] : [];
  });
  return { family, tables };
}

/** A ruleset without the chains and the rules of Services that are not asked for. */
export function onlyServices({ family, tables }: Ruleset, isAsked: (service: string) => boolean): Ruleset {
  const isKept = (service: string | undefined) => service === undefined || isAsked(service);
  return {
    family,
    tables: tables.map((table) => {
      const services = servicesOfChains(table);
      const kept = table.chains
        .filter(({ name }) => isKept(services.get(name)))
        .map((chain) => ({ ...chain, rules: chain.rules.filter((rule) => isKept(serviceOfRule(rule))) }));
      return { ...table, chains: withoutEmptied(kept, table.chains) };
    }),
  };
}

/** Without the chains that held rules of other Services alone, and what led to them. */
function withoutEmptied(kept: readonly Chain[], before: readonly Chain[]): readonly Chain[] {
  const emptied = new Set(
    before.flatMap(({ name, policy, rules }) => {
      const now = kept.find((one) => one.name === name);
      const isEmptied = now === undefined || (rules.length > 0 && now.rules.length === 0);
      return isEmptied && policy === undefined ? [name] : [];
    }),
  );
  const left = kept
    .filter(({ name }) => !emptied.has(name))
    .map((chain) => ({
      ...chain,
      rules: chain.rules.filter(({ target }) => target?.target !== 'jump' || !emptied.has(target.chain)),
    }));
  return left.length === before.length ? left : withoutEmptied(left, kept);
}

/** What the agent's debug pages show: what kube-proxy's users ask for, and do not have. */
import type { ChainDifference } from '../../applier/chain-diff.ts';
import type { Family } from '../../net/address.ts';
import { unified } from '../../text/unified-diff.ts';
import type { FamilyRules } from '../sync/family-rules.ts';

/** `/debug/rules`: what iptables-restore was given last, and what it refused last. */
export function rulesPage({ host, lastWritten, lastRefused }: FamilyRules): string {
  const { family, restore } = host;
  const written = lastWritten
    ? [`# ${family}: given to ${restore} at ${lastWritten.at.toISOString()}`, String(lastWritten.input)]
    : [`# ${family}: nothing written yet`, ''];
  const refused = lastRefused
    ? [
        `# ${family}: refused at ${lastRefused.at.toISOString()}`,
        ...lastRefused.error.message.split('\n').map((line) => `#   ${line}`),
        lastRefused.error.input,
      ]
    : [];
  return [...written, ...refused].join('\n');
}

/**
 * `/debug/drift`: how the kernel differs from what was wanted, chain by chain, and what was mended before. Throws as
 * {@link FamilyRules.drift} does.
 * @param givenUp nobody waits for it any more
 */
export async function driftPage(rules: FamilyRules, givenUp: AbortSignal): Promise<string> {
  const { family } = rules.host;
  const differences = await rules.drift(givenUp);
  if (differences === undefined) return `# ${family}: nothing compiled yet\n`;
  const now =
    differences.length === 0
      ? [`# ${family}: the kernel has the compiled rules`]
      : differencesOf(family, differences);
  const former = rules.mended.toReversed().flatMap(({ at, by, differences }) => {
    const who = by.length === 0 ? 'another program' : by.join(', ');
    return [
      `# ${family}: changed by ${who}, repaired at ${at.toISOString()}`,
      ...differencesOf(family, differences),
    ];
  });
  return `${[...now, ...former].join('\n')}\n`;
}

/** What is in the kernel and was not wanted is `-`, what was and is not there `+`. */
function differencesOf(family: Family, differences: readonly ChainDifference[]): string[] {
  return differences.flatMap(({ table, chain, current, wanted }) =>
    unified(`${family} ${table} ${chain}`, current, wanted).map(({ text }) => text),
  );
}

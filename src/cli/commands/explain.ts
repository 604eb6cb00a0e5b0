/** `svc2ipt explain`: what a Service comes to on a node, or what a chain or a rule is there for. */
import { InputError } from '../../api/problem.ts';
import { MOST_RULES } from '../../explain/chain-report.ts';
import { ruleIn } from '../../explain/subject.ts';
import { explainIn, printExplained } from '../../library/explain-in.ts';
import { isNarrowed } from '../../library/shown.ts';
import { WITH_PODS } from '../../sources/kubernetes/live-kinds.ts';
import { paint, terminalWidth } from '../paint.ts';
import { openRules } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { ExplainCommandOptions } from './explain.command.ts';

export async function explainAction(
  what: string | undefined,
  options: ExplainCommandOptions,
): Promise<CommandOutcome> {
  if (what === undefined && !isNarrowed(options) && options.allNamespaces === undefined) {
    throw new InputError([{ at: [], message: "missing required argument 'what'" }]);
  }
  const { output, all = false } = options;
  const isRule = what !== undefined && ruleIn(what) !== undefined;
  const kinds = !isRule && what?.includes('KUBE-') === false ? WITH_PODS : undefined;
  const source = await openRules(options, { kinds });
  const most = all || output === 'json' ? undefined : MOST_RULES;
  const explained = explainIn(source, what, { ...options, most });
  return { output: printExplained(explained, { output, all, width: terminalWidth(), paint }) };
}

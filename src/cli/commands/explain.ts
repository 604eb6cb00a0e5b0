/** `svc2ipt explain`: what a Service comes to on a node, or what a chain or a rule is there for. */
import { InputError, show } from '../../api/problem.ts';
import { explainChain } from '../../explain/chain.ts';
import { formatChains, formatChainsJSON, MOST_RULES } from '../../explain/chain-report.ts';
import type { Explanation } from '../../explain/explanation.ts';
import { formatExplanation, formatExplanationJSON } from '../../explain/report.ts';
import { type Behind, explainByRules, explainService } from '../../explain/services.ts';
import { parseSubject, type Subject } from '../../explain/subject.ts';
import { parseRule } from '../../iptables/parse.ts';
import { FAMILIES, type Family, familyOf } from '../../net/address.ts';
import { selects } from '../../sources/control-plane/from-pods.ts';
import type { CompilerInput } from '../inputs.ts';
import { paint, terminalWidth } from '../paint.ts';
import { checkedRules, openRules, type RulesSource, readRules } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import type { ExplainCommandOptions } from './explain.command.ts';

export async function explainAction(what: string, options: ExplainCommandOptions): Promise<CommandOutcome> {
  const subject = parseSubject(what);
  const source = await openRules(options);
  if (subject.kind !== 'service') return await explainChains(subject, source, options);
  const explanations: Explanation[] = [];
  for (const family of familiesOf(subject.service, source, options)) {
    const { prepared } = await source.rules(family);
    const { input, node } = source;
    explanations.push(
      checkedRules(() =>
        input
          ? explainService(
              subject.service,
              input.cluster,
              node,
              input.options(family),
              prepared,
              behind(subject.service, input),
            )
          : explainByRules(subject.service, node, prepared),
      ),
    );
  }
  if (options.output === 'json') return { output: formatExplanationJSON(explanations) };
  const layout = { width: terminalWidth(), wide: options.output === 'wide' };
  return {
    output: explanations.map((explanation) => formatExplanation(explanation, paint, layout)).join('\n'),
  };
}

/** What only the objects of the input tell of a Service. */
function behind(name: string, { cluster, pods, objects }: CompilerInput): Behind {
  const service = cluster.services.get(name)?.service;
  if (!service) return { selected: [], skippedSlices: [] };
  const hasSelector = Object.keys(service.selector).length > 0;
  return {
    selected: hasSelector ? [...pods.values()].filter((pod) => selects(service, pod)) : [],
    skippedSlices: objects.flatMap(({ object }) =>
      object.kind === 'EndpointSlice' && name === `${object.namespace}/${object.skipped?.service}`
        ? [object]
        : [],
    ),
  };
}

/** Those that the Service has addresses of; with rules alone, one. */
function familiesOf(
  service: string,
  { input, family: only }: RulesSource,
  { family }: ExplainCommandOptions,
): Family[] {
  const known = input?.cluster.services.get(service)?.service.clusterIPs.filter((ip) => ip !== 'None') ?? [];
  const families = FAMILIES.filter((one) => known.some((ip) => familyOf(ip) === one));
  const wanted = family ?? only;
  if (wanted !== undefined) return [wanted];
  return families.length > 0 ? families : ['ipv4'];
}

async function explainChains(
  subject: Exclude<Subject, { kind: 'service' }>,
  source: RulesSource,
  options: ExplainCommandOptions,
): Promise<CommandOutcome> {
  const { family, all = false, output } = options;
  const { chain } = subject;
  const of = family ?? source.family ?? 'ipv4';
  const rules = await source.rules(of);
  const asked = subject.kind === 'rule' ? parseRule(subject.rule, of) : undefined;
  const most = all || output === 'json' ? undefined : MOST_RULES;
  const found = readRules(rules.name, () => explainChain(rules.text(), of, chain, asked, most));
  if (found.length === 0)
    throw new InputError([{ at: [], message: `no chain ${show(chain)} in the rules of ${of}` }]);
  const answers = asked ? found.filter(({ rules }) => rules.some((rule) => rule.asked)) : found;
  if (answers.length === 0)
    throw new InputError([{ at: [], message: `chain ${show(chain)} has no such rule` }]);
  return { output: output === 'json' ? formatChainsJSON(answers) : formatChains(answers, all, paint) };
}

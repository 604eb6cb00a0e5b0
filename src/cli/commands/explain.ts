/** `svc2ipt explain`: what a Service comes to on a node, or what a chain or a rule is there for. */
import { InputError, show } from '../../api/problem.ts';
import { portNameOf, serviceOf } from '../../chains/comments.ts';
import { explainChain } from '../../explain/chain.ts';
import { formatChains, formatChainsJSON, MOST_RULES } from '../../explain/chain-report.ts';
import type { Explanation } from '../../explain/explanation.ts';
import { formatExplanation, formatExplanationJSON } from '../../explain/report.ts';
import { type Behind, explainByRules, explainService } from '../../explain/services.ts';
import { type ChainSubject, chainIn, noSubject, type RuleSubject, ruleIn } from '../../explain/subject.ts';
import {
  explainUnassigned,
  formatUnassigned,
  formatUnassignedJSON,
  type Unassigned,
} from '../../explain/unassigned.ts';
import { parseRule } from '../../iptables/parse.ts';
import { readSavedText } from '../../iptables/saved-text.ts';
import { type FoundPod, type FoundService, findOne, notFound } from '../../names/find.ts';
import { readName, type TypedAddress } from '../../names/name.ts';
import type { Things } from '../../names/things.ts';
import { FAMILIES, type Family, familyOf } from '../../net/address.ts';
import { selects } from '../../sources/control-plane/from-pods.ts';
import { WITH_PODS } from '../../sources/kubernetes/live-kinds.ts';
import { meantBy, nearest } from '../../text/nearest.ts';
import type { CompilerInput } from '../inputs.ts';
import { searchIn, thingsOf } from '../names.ts';
import { paint, terminalWidth } from '../paint.ts';
import { checkedRules, openRules, type RulesSource, readRules, sourcesOfNodes } from '../rules.ts';
import type { CommandOutcome } from '../run.ts';
import { isNarrowed, shownOf, shownServices } from '../shown.ts';
import type { ExplainCommandOptions } from './explain.command.ts';

export async function explainAction(
  what: string | undefined,
  options: ExplainCommandOptions,
): Promise<CommandOutcome> {
  if (what === undefined && !isNarrowed(options) && options.allNamespaces === undefined) {
    throw new InputError([{ at: [], message: "missing required argument 'what'" }]);
  }
  const rule = what === undefined ? undefined : ruleIn(what);
  const source = await openRules(
    options,
    rule === undefined && what?.includes('KUBE-') === false ? WITH_PODS : undefined,
  );
  if (rule !== undefined) return await explainChains(rule, source, options);
  const asked =
    what === undefined ? await everyService(source, options) : await subjectsNamed(what, source, options);
  if ('refusedBy' in asked) {
    const text =
      options.output === 'json' ? formatUnassignedJSON(asked) : formatUnassigned(asked, terminalWidth());
    return { output: text };
  }
  if (!Array.isArray(asked)) return await explainChains(asked, source, options);
  const explanations: Explanation[] = [];
  for (const one of sourcesOfNodes(source, options)) {
    for (const found of asked) explanations.push(...(await explainOn(one, found, options)));
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

/** A Service that is asked about, and what of it. */
interface AskedService extends Pick<FoundService, 'service' | 'portName' | 'port' | 'protocol'> {
  /** Of the address that it was found by. */
  readonly family: Family | undefined;
}

const WHOLE = { portName: undefined, port: undefined, protocol: undefined, family: undefined };

async function everyService(source: RulesSource, options: ExplainCommandOptions): Promise<AskedService[]> {
  const { input } = source;
  const services = input
    ? shownServices(input, options)
    : [...(await thingsOf(source, options.family)).services].filter(shownOf(options, []).service);
  if (services.length === 0)
    throw new InputError([{ at: [], message: 'no Service in the rules is selected' }]);
  return services.map((service) => ({ service, ...WHOLE }));
}

/**
 * What a text stands for: a Service, a chain, or an address that rules refuse as no Service has it.
 * @throws InputError where it stands for nothing, or for several things
 */
async function subjectsNamed(
  what: string,
  source: RulesSource,
  options: ExplainCommandOptions,
): Promise<AskedService[] | ChainSubject | Unassigned> {
  const chain = chainIn(what);
  // Nothing of Kubernetes' has a capital letter in its name.
  if (chain !== undefined && /^[^:.]*[A-Z][^:.]*$/.test(chain.chain)) return chain;
  const things = await thingsOf(source, options.family ?? source.family);
  const search = searchIn(things, ['service', 'pod'], options, source.input ? [source.input] : []);
  const found = findOne(what, search);
  const [typed] = readName(what);
  const family = typed !== undefined && 'address' in typed ? familyOf(typed.address) : undefined;
  if (found?.kind === 'service') {
    // Chains of ours have capital letters.
    const isChain =
      chain !== undefined && !source.compiled && (await chainsOf(source, options)).has(chain.chain);
    if (!isChain)
      return [{ ...found, family: family ?? (source.input ? undefined : familyIn(things, found.service)) }];
    const message = `${show(what)} may be Service ${found.service} or chain ${chain.chain}: choose one`;
    throw new InputError([{ at: [], message: `${message} (svc/${found.service}, or a rule of the chain)` }]);
  }
  if (found !== undefined) return [{ ...WHOLE, ...servedBy(found, things), family }];
  if (typed !== undefined && 'address' in typed) {
    const services = things.servicesTo(typed.address, typed.port);
    if (services.length > 0) return [{ ...WHOLE, service: onlyOne(what, services), family }];
    const unassigned = await unassignedIn(source, typed, things);
    if (unassigned) return unassigned;
  }
  if (typed !== undefined && 'name' in typed && typed.namespace !== undefined && typed.kind !== 'pod') {
    // Whoever explains it says that there is none, and which is nearest.
    return [{ ...WHOLE, service: `${typed.namespace}/${typed.name}` }];
  }
  if (chain !== undefined) {
    const chains = await chainsOf(source, options);
    if (typed === undefined || chains.has(chain.chain)) return chain;
    throw notFound(what, search, undefined, { called: ['chain'], names: chains });
  }
  if (typed !== undefined) throw notFound(what, search);
  throw noSubject(what);
}

async function unassignedIn(
  source: RulesSource,
  typed: TypedAddress,
  things: Things,
): Promise<Unassigned | undefined> {
  const family = familyOf(typed.address);
  if (!source.families.includes(family)) return undefined;
  const { prepared } = await source.rules(family);
  return checkedRules(() => explainUnassigned(typed, things.addresses(), prepared, source.node));
}

/** The family that rules have a Service in, IPv4 where they have both. */
function familyIn(things: Things, service: string): Family | undefined {
  const own = things.addresses().filter(({ servicePort }) => serviceOf(servicePort) === service);
  const families = own.flatMap(({ address }) => (address === undefined ? [] : [familyOf(address)]));
  return families.includes('ipv4') ? 'ipv4' : families[0];
}

/** The Service that sends traffic to a Pod. */
function servedBy({ pod, port }: FoundPod, things: Things): Pick<AskedService, 'service'> {
  const addresses = things.pods?.get(pod) ?? [];
  const services = [...new Set(addresses.flatMap((address) => things.servicesTo(address, port)))];
  if (services.length > 0) return { service: onlyOne(pod, services) };
  throw new InputError([{ at: [], message: `Pod ${pod} is an endpoint of no Service` }]);
}

function onlyOne(what: string, services: readonly string[]): string {
  const [first, ...others] = services;
  if (first !== undefined && others.length === 0) return first;
  const message = `${show(what)} is an endpoint of Services ${services.join(' and ')}: choose one`;
  throw new InputError([{ at: [], message }]);
}

/** The names of all chains there are. */
async function chainsOf(
  source: RulesSource,
  { family }: ExplainCommandOptions,
): Promise<ReadonlySet<string>> {
  const families = family === undefined ? source.families : [family];
  const rules = await Promise.all(families.map((one) => source.rules(one)));
  return new Set(rules.flatMap(({ text }) => chainsIn(text())));
}

function chainsIn(text: string): string[] {
  return [...readSavedText(text).values()].flatMap((chains) => [...chains.keys()]);
}

async function explainOn(
  source: RulesSource,
  asked: AskedService,
  options: ExplainCommandOptions,
): Promise<Explanation[]> {
  const { service } = asked;
  const explanations: Explanation[] = [];
  for (const family of familiesOf(asked, source, options)) {
    const { prepared } = await source.rules(family);
    const { input, node } = source;
    const explanation = checkedRules(() =>
      input
        ? explainService(
            service,
            input.cluster,
            node,
            input.options(family),
            prepared,
            behind(service, input),
          )
        : explainByRules(service, node, prepared),
    );
    explanations.push(onlyPort(explanation, asked));
  }
  return explanations;
}

/** An explanation with the port that is asked for, all where none is. */
function onlyPort(explanation: Explanation, { portName, port, protocol }: AskedService): Explanation {
  const { ports, name, none } = explanation;
  const asked = ports.filter(
    (one) =>
      (portName === undefined || portNameOf(one.servicePort) === portName) &&
      (port === undefined || one.ways.some(({ to }) => to.port === port)) &&
      (protocol === undefined || one.protocol === protocol),
  );
  if (asked.length > 0 || none !== undefined) return { ...explanation, ports: asked };
  const has = ports.map((one) => `${portNameOf(one.servicePort) || one.ways[0]?.to.port}/${one.protocol}`);
  const message = `Service ${name} has no port ${show(portName ?? port ?? protocol)}, expected one of ${has.join(', ')}`;
  throw new InputError([{ at: [], message }]);
}

/** Those that the Service has addresses of; with rules alone, one. */
function familiesOf(
  { service, family: found }: AskedService,
  { input, family: only }: RulesSource,
  { family }: ExplainCommandOptions,
): Family[] {
  const known = input?.cluster.services.get(service)?.service.clusterIPs.filter((ip) => ip !== 'None') ?? [];
  const families = FAMILIES.filter((one) => known.some((ip) => familyOf(ip) === one));
  const wanted = family ?? only ?? found;
  if (wanted !== undefined) return [wanted];
  return families.length > 0 ? families : ['ipv4'];
}

async function explainChains(
  subject: ChainSubject | RuleSubject,
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
  if (found.length === 0) {
    const hint = meantBy(nearest(chain, new Set(chainsIn(rules.text()))));
    throw new InputError([{ at: [], message: `no chain ${show(chain)} in the rules of ${of}${hint}` }]);
  }
  const answers = asked ? found.filter(({ rules }) => rules.some((rule) => rule.asked)) : found;
  if (answers.length === 0)
    throw new InputError([{ at: [], message: `chain ${show(chain)} has no such rule` }]);
  return { output: output === 'json' ? formatChainsJSON(answers) : formatChains(answers, all, paint) };
}

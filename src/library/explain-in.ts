/** From what a user wants explained to its explanation: of Services, of chains, of an address that nobody has. */
import { InputError, show } from '../api/problem.ts';
import { portNameOf, serviceOf } from '../chains/comments.ts';
import { type ExplainedChain, explainChain } from '../explain/chain.ts';
import { formatChains, formatChainsJSON } from '../explain/chain-report.ts';
import type { Explanation } from '../explain/explanation.ts';
import { formatExplanation, formatExplanationJSON } from '../explain/report.ts';
import { type Behind, explainByRules, explainService } from '../explain/services.ts';
import { type ChainSubject, chainIn, noSubject, type RuleSubject, ruleIn } from '../explain/subject.ts';
import {
  explainUnassigned,
  formatUnassigned,
  formatUnassignedJSON,
  type Unassigned,
} from '../explain/unassigned.ts';
import { parseRule } from '../iptables/parse.ts';
import { readSavedText } from '../iptables/saved-text.ts';
import { type FoundPod, type FoundService, findOne, notFound } from '../names/find.ts';
import { readName, type TypedAddress } from '../names/name.ts';
import type { Things } from '../names/things.ts';
import { FAMILIES, type Family, familyOf } from '../net/address.ts';
import { selects } from '../sources/control-plane/from-pods.ts';
import { meantBy, nearest } from '../text/nearest.ts';
import { type Printing, unpainted } from '../text/paint.ts';
import { USUAL_WIDTH } from '../text/wrap.ts';
import type { CompilerInput } from './compiler-input.ts';
import { searchIn, thingsOf } from './names.ts';
import { checkedRules, type RulesSource, readRules, sourcesOfNodes } from './rules.ts';
import { type Narrowing, shownOf, shownServices } from './shown.ts';

/** What is explained, and of which rules. */
export interface ExplainOptions extends Narrowing {
  /** The only family; those of the Service unless given. */
  readonly family?: Family | undefined;
  /** Once for each Node of the input. */
  readonly allNodes?: true | undefined;
  /** At most so many rules of each chain; all unless given. */
  readonly most?: number | undefined;
}

export interface ExplainedServices {
  readonly kind: 'services';
  /** Of each Service, family and node. */
  readonly explanations: readonly Explanation[];
}

export interface ExplainedChains {
  readonly kind: 'chains';
  readonly chains: readonly ExplainedChain[];
}

export interface ExplainedAddress {
  readonly kind: 'unassigned';
  readonly unassigned: Unassigned;
}

/** An answer: what Services come to on a node, what chains are there for, or why an address is refused. */
export type Explained = ExplainedServices | ExplainedChains | ExplainedAddress;

/**
 * @param what a Service, an endpoint, an address, a chain or a rule, as people write them; undefined for all Services that
 * the options leave
 * @throws InputError where that is nothing, or may be several things
 */
export function explainIn(source: RulesSource, what: string | undefined, options: ExplainOptions): Explained {
  const rule = what === undefined ? undefined : ruleIn(what);
  if (rule !== undefined) return explainChains(rule, source, options);
  const asked = what === undefined ? everyService(source, options) : subjectsNamed(what, source, options);
  if ('refusedBy' in asked) return { kind: 'unassigned', unassigned: asked };
  if (!Array.isArray(asked)) return explainChains(asked, source, options);
  const explanations = sourcesOfNodes(source, options).flatMap((one) =>
    asked.flatMap((found) => explainOn(one, found, options)),
  );
  return { kind: 'services', explanations };
}

/** How an answer is printed. */
export interface ExplainedPrinting extends Printing<ExplanationPaintStyle> {
  /** `wide` also shows by which chains and rules. */
  readonly output?: 'text' | 'wide' | 'json' | undefined;
  /** Every rule that leads to a chain. */
  readonly all?: boolean | undefined;
}

/** What explanations have colours for. */
export type ExplanationPaintStyle = 'title' | 'aside' | 'bad' | 'unknown' | 'yes';

/** An answer as `svc2ipt explain` prints it. */
export function printExplained(
  explained: Explained,
  { output = 'text', all = false, width = USUAL_WIDTH, paint = unpainted }: ExplainedPrinting = {},
): string {
  const isJSON = output === 'json';
  switch (explained.kind) {
    case 'services': {
      const { explanations } = explained;
      if (isJSON) return formatExplanationJSON(explanations);
      const layout = { width, wide: output === 'wide' };
      return explanations.map((one) => formatExplanation(one, paint, layout)).join('\n');
    }
    case 'chains':
      return isJSON ? formatChainsJSON(explained.chains) : formatChains(explained.chains, all, paint);
    case 'unassigned': {
      const { unassigned } = explained;
      return isJSON ? formatUnassignedJSON(unassigned) : formatUnassigned(unassigned, width);
    }
  }
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

function everyService(source: RulesSource, options: ExplainOptions): AskedService[] {
  const { input } = source;
  const services = input
    ? shownServices(input, options)
    : [...thingsOf(source, options.family).services].filter(shownOf(options, []).service);
  if (services.length === 0)
    throw new InputError([{ at: [], message: 'no Service in the rules is selected' }]);
  return services.map((service) => ({ service, ...WHOLE }));
}

/**
 * What a text stands for: a Service, a chain, or an address that rules refuse as no Service has it.
 * @throws InputError where it stands for nothing, or for several things
 */
function subjectsNamed(
  what: string,
  source: RulesSource,
  options: ExplainOptions,
): AskedService[] | ChainSubject | Unassigned {
  const chain = chainIn(what);
  // Nothing of Kubernetes' has a capital letter in its name.
  if (chain !== undefined && /^[^:.]*[A-Z][^:.]*$/.test(chain.chain)) return chain;
  const things = thingsOf(source, options.family ?? source.family);
  const search = searchIn(things, ['service', 'pod'], options, source.input ? [source.input] : []);
  const found = findOne(what, search);
  const [typed] = readName(what);
  const family = typed !== undefined && 'address' in typed ? familyOf(typed.address) : undefined;
  if (found?.kind === 'service') {
    // Chains of ours have capital letters.
    const isChain = chain !== undefined && !source.compiled && chainsOf(source, options).has(chain.chain);
    if (!isChain)
      return [{ ...found, family: family ?? (source.input ? undefined : familyIn(things, found.service)) }];
    const message = `${show(what)} may be Service ${found.service} or chain ${chain.chain}: choose one`;
    throw new InputError([{ at: [], message: `${message} (svc/${found.service}, or a rule of the chain)` }]);
  }
  if (found !== undefined) return [{ ...WHOLE, ...servedBy(found, things), family }];
  if (typed !== undefined && 'address' in typed) {
    const services = things.servicesTo(typed.address, typed.port);
    if (services.length > 0) return [{ ...WHOLE, service: onlyOne(what, services), family }];
    const unassigned = unassignedIn(source, typed, things);
    if (unassigned) return unassigned;
  }
  if (typed !== undefined && 'name' in typed && typed.namespace !== undefined && typed.kind !== 'pod') {
    // Whoever explains it says that there is none, and which is nearest.
    return [{ ...WHOLE, service: `${typed.namespace}/${typed.name}` }];
  }
  if (chain !== undefined) {
    const chains = chainsOf(source, options);
    if (typed === undefined || chains.has(chain.chain)) return chain;
    throw notFound(what, search, undefined, { called: ['chain'], names: chains });
  }
  if (typed !== undefined) throw notFound(what, search);
  throw noSubject(what);
}

function unassignedIn(source: RulesSource, typed: TypedAddress, things: Things): Unassigned | undefined {
  const family = familyOf(typed.address);
  if (!source.families.includes(family)) return undefined;
  const { prepared } = source.rules(family);
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
function chainsOf(source: RulesSource, { family }: ExplainOptions): ReadonlySet<string> {
  const families = family === undefined ? source.families : [family];
  const rules = families.map((one) => source.rules(one));
  return new Set(rules.flatMap(({ text }) => chainsIn(text())));
}

function chainsIn(text: string): string[] {
  return [...readSavedText(text).values()].flatMap((chains) => [...chains.keys()]);
}

function explainOn(source: RulesSource, asked: AskedService, options: ExplainOptions): Explanation[] {
  const { service } = asked;
  const explanations: Explanation[] = [];
  for (const family of familiesOf(asked, source, options)) {
    const { prepared } = source.rules(family);
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
  { family }: ExplainOptions,
): Family[] {
  const known = input?.cluster.services.get(service)?.service.clusterIPs.filter((ip) => ip !== 'None') ?? [];
  const families = FAMILIES.filter((one) => known.some((ip) => familyOf(ip) === one));
  const wanted = family ?? only ?? found;
  if (wanted !== undefined) return [wanted];
  return families.length > 0 ? families : ['ipv4'];
}

function explainChains(
  subject: ChainSubject | RuleSubject,
  source: RulesSource,
  { family, most }: ExplainOptions,
): ExplainedChains {
  const { chain } = subject;
  const of = family ?? source.family ?? 'ipv4';
  const rules = source.rules(of);
  const asked = subject.kind === 'rule' ? parseRule(subject.rule, of) : undefined;
  const found = readRules(rules.name, () => explainChain(rules.text(), of, chain, asked, most));
  if (found.length === 0) {
    const hint = meantBy(nearest(chain, new Set(chainsIn(rules.text()))));
    throw new InputError([{ at: [], message: `no chain ${show(chain)} in the rules of ${of}${hint}` }]);
  }
  const answers = asked ? found.filter(({ rules }) => rules.some((rule) => rule.asked)) : found;
  if (answers.length === 0)
    throw new InputError([{ at: [], message: `chain ${show(chain)} has no such rule` }]);
  return { kind: 'chains', chains: answers };
}

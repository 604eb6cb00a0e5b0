/** Answers what the page asks: the one place where what it shows is worked out. */

import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { formatProblem, InputError, type Problem } from '../api/problem.ts';
import { effectsOf } from '../effects/effects.ts';
import { knownClassNode } from '../effects/known-node.ts';
import { tellOthers, tellServices } from '../effects/words.ts';
import { present } from '../errors/invariant.ts';
import type { Explanation } from '../explain/explanation.ts';
import { portNotes, wayWords } from '../explain/report.ts';
import { summaryOf } from '../explain/summary.ts';
import { pageData } from '../graph/formats/page-data.ts';
import { graphOf } from '../graph/graph.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { RulesetError } from '../iptables/simulator/walk.ts';
import type { Family } from '../iptables/types.ts';
import { explainIn } from '../library/explain-in.ts';
import { compiledRules, type RulesSource } from '../library/rules.ts';
import { traceIn } from '../library/trace-in.ts';
import { familyOf } from '../net/address.ts';
import { type KnownManifests, noManifests } from '../sources/cluster.ts';
import { unified } from '../text/unified-diff.ts';
import { simulatedNode } from '../trace/known-node.ts';
import type {
  Answered,
  Compared,
  ComparedLayouts,
  Inquiries,
  InquiryAnswers,
  InquiryKind,
  Meaning,
  PortMeaning,
  SentPacket,
  ServiceMeaning,
  ShownRules,
} from './answers.ts';
import { type CompiledRules, compileInput, type LoadedInput, loadInput } from './compiled.ts';
import { completionsAt } from './completions.ts';
import { lookAt, placeOfAddress } from './look.ts';
import { meaningsIn, onlyService, shownTables } from './shown-rules.ts';
import type { PlaygroundInput } from './state.ts';

/** Answers inquiries, one after the other. What was read and compiled for the last ones is kept. */
export interface PlaygroundEngine {
  answer<Kind extends InquiryKind>(kind: Kind, inquiry: Inquiries[Kind]): Answered<Kind>;
}

type Answers = { readonly [Kind in InquiryKind]: (inquiry: Inquiries[Kind]) => InquiryAnswers[Kind] };

export function playgroundEngine(): PlaygroundEngine {
  const inputs = keptInputs();
  const answers: Answers = {
    look: ({ input }) => lookAt(input, () => inputs.load(input)),
    meaning: ({ input }) => meaningOf(inputs.load(input), inputs.source(input), input.family),
    rules: ({ input, service }) => shownRules(inputs.load(input), inputs.rules(input), service),
    picture: ({ input, service }) => ({ data: pictureOf(inputs.load(input), inputs.rules(input), service) }),
    packet: ({ input, from, to }) =>
      send(inputs.load(input), inputs.source(input), inputs.rules(input), input.family, from, to),
    compare: ({ input, before }) => {
      const other = { ...input, manifests: before };
      return compareRules(inputs.load(input), inputs.rules(other), inputs.rules(input), input.family);
    },
    layouts: ({ input, service }) => compareLayouts(inputs.load(input), input.family, service),
    complete: ({ text, offset, of }) => completionsAt(text, offset, of),
  };
  return {
    answer(kind, inquiry) {
      try {
        return { ok: true, answer: answers[kind](inquiry) };
      } catch (error) {
        if (error instanceof InputError) return { ok: false, problems: error.problems.map(problemText) };
        if (error instanceof RulesetError) return { ok: false, problems: [error.message] };
        throw error;
      }
    },
  };
}

/** `--to` is a field of the page. */
function problemText(problem: Problem): string {
  return formatProblem(problem).replace(/^--(from|to): /, '$1: ');
}

/** So many inputs are kept: the one that is edited, and the one that it is compared with. */
const KEPT = 2;

function keptInputs() {
  const known: KnownManifests = noManifests();
  const loaded = new Map<string, LoadedInput>();
  const sources = new Map<string, RulesSource>();
  const compiled = new Map<string, CompiledRules>();
  const kept = <Value>(values: Map<string, Value>, input: PlaygroundInput, make: () => Value): Value => {
    const key = JSON.stringify(input);
    const value = values.get(key) ?? make();
    values.delete(key);
    values.set(key, value);
    for (const old of [...values.keys()].slice(0, -KEPT)) values.delete(old);
    return value;
  };
  const load = (input: PlaygroundInput) => kept(loaded, input, () => loadInput(input, known));
  const source = (input: PlaygroundInput) => kept(sources, input, () => compiledRules(load(input)));
  const rules = (input: PlaygroundInput) =>
    kept(compiled, input, () => compileInput(load(input), input.family));
  return { load, source, rules };
}

/** So many Services are told of: whoever has more looks at one of them. */
const MOST_SERVICES = 50;

function meaningOf(input: LoadedInput, source: RulesSource, family: Family): Meaning {
  const names = [...input.cluster.services.keys()].sort();
  const services = names.slice(0, MOST_SERVICES).map((name): ServiceMeaning => {
    const explained = explainIn(source, `svc/${name}`, { family });
    const [found] = explained.kind === 'services' ? explained.explanations : [];
    const explanation = present(found, `explanation of ${name}`);
    const { service, ports } = explanation;
    return {
      name,
      type: service?.clusterIPs[0] === 'None' ? 'headless' : (service?.type ?? 'Service'),
      summary: summaryOf(explanation),
      ports: ports.map((port) => portMeaning(port, explanation, input, family)),
    };
  });
  return { services, more: names.length - services.length };
}

function portMeaning(
  port: Explanation['ports'][number],
  explanation: Explanation,
  { node }: LoadedInput,
  family: Family,
): PortMeaning {
  const { servicePort, protocol, ways, sets, endpoints, podsWithoutEndpoint } = port;
  const ip = node.ips.find((one) => familyOf(one) === family);
  return {
    servicePort,
    protocol,
    ways: ways.map((way) => ({
      ...wayWords(way, port),
      verdict: way.becomes.verdict,
      packet: {
        from: senderOf(way.packet),
        // A node whose address is unknown can send nothing.
        to: ip === undefined && senderOf(way.packet) === 'node' ? '' : (placeOfAddress(way.to, ip) ?? ''),
      },
    })),
    sets: sets.map(({ name }) => name),
    endpoints: [
      ...endpoints.map(({ endpoint, pod, nodeName, local, unused, note }) => ({
        endpoint,
        pod,
        node: nodeName,
        local: local ?? false,
        shares: sets.map(({ shares }) => shares.get(endpoint)),
        note: unused ?? note,
      })),
      ...podsWithoutEndpoint.map(({ pod, nodeName, because }) => ({
        endpoint: undefined,
        pod: pod.slice(pod.indexOf('/') + 1),
        node: nodeName,
        local: nodeName === node.name,
        shares: sets.map(() => undefined),
        note: because,
      })),
    ],
    notes: portNotes(port, explanation),
  };
}

/** Who sends a packet, as the page asks for it. */
function senderOf({ source, arrives, inInterface }: Packet): string {
  return arrives !== true && inInterface === undefined ? 'node' : source;
}

function shownRules(input: LoadedInput, { ruleset, whole }: CompiledRules, service: string): ShownRules {
  const tables = shownTables(whole, input, service);
  return {
    tables,
    text: printRuleset(ruleset),
    count: ruleCount(tables),
  };
}

function ruleCount(
  tables: readonly { readonly chains: readonly { readonly rules: readonly unknown[] }[] }[],
): number {
  return tables.flatMap(({ chains }) => chains).reduce((sum, { rules }) => sum + rules.length, 0);
}

function pictureOf(input: LoadedInput, { whole }: CompiledRules, service: string) {
  const { address } = meaningsIn(whole, input);
  const graph = graphOf({ ...whole, tables: onlyService(whole, service) });
  const services = new Set(graph.nodes.map((node) => node.service).filter((name) => name !== undefined));
  return pageData(graph, services.size > MOST_OPENED, address);
}

/** More Services, all opened, are longer than anybody wants to look through. */
const MOST_OPENED = 6;

function send(
  input: LoadedInput,
  source: RulesSource,
  rules: CompiledRules,
  family: Family,
  from: string,
  to: string,
): SentPacket {
  const { asked, trace } = traceIn(source, { from, to, family });
  return { asked, trace, data: pictureOf(input, rules, '') };
}

function compareRules(
  { node }: LoadedInput,
  before: CompiledRules,
  after: CompiledRules,
  family: Family,
): Compared {
  const effects = effectsOf(before.prepared, after.prepared, knownClassNode(node, family));
  const others = tellOthers(effects);
  const lines = (rules: CompiledRules) => printRuleset(rules.ruleset).trimEnd().split('\n');
  return {
    services: [
      ...tellServices(effects).map(({ service, sentences }) => ({ name: service, sentences })),
      ...(others.length > 0 ? [{ name: 'no Service', sentences: others }] : []),
    ],
    classes: effects.classes,
    difference: unified('', lines(before), lines(after)).flatMap(({ kind, text }) =>
      kind === 'header' ? [] : [text],
    ),
  };
}

/** So many Services are sent packets to. */
const MOST_WAYS = 20;

function compareLayouts(input: LoadedInput, family: Family, service: string): ComparedLayouts {
  const all = LAYOUT_NAMES.map((layout) => {
    const options = (of: Family) => ({ ...input.options(of), layout });
    return { layout, rules: compileInput({ ...input, options }, family) };
  });
  const targets = [...input.cluster.services].sort().flatMap(
    ([
      name,
      {
        service: { clusterIPs, ports },
      },
    ]) => {
      const address = clusterIPs.find((ip) => ip !== 'None' && familyOf(ip) === family);
      const [port] = ports;
      if (address === undefined || port === undefined || (service !== '' && name !== service)) return [];
      return [{ name, address, port }];
    },
  );
  const node = simulatedNode(input.node);
  const [source = ''] = input.node.ips.filter((ip) => familyOf(ip) === family);
  return {
    layouts: all.map(({ layout, rules: { whole } }) => ({
      layout,
      chains: whole.tables.reduce((sum, { chains }) => sum + chains.length, 0),
      rules: ruleCount(whole.tables),
      tables: shownTables(whole, input, service),
    })),
    ways: targets.slice(0, MOST_WAYS).map(({ name, address, port }) => ({
      to: name,
      rules: all.map(({ rules: { prepared } }) => {
        const packet = {
          source: source === '' ? (family === 'ipv4' ? '192.0.2.1' : '2001:db8:ffff::1') : source,
          destination: address,
          protocol: port.protocol.toLowerCase(),
          destinationPort: port.port,
        };
        const { path = [] } = simulate(prepared, packet, node, { record: true });
        // Where chance parts the packets, each part has its own way, and its share.
        return path.reduce((sum, { packets, steps }) => {
          const share = packets.reduce((all, { probability }) => all + probability, 0);
          return sum + share * steps.reduce((all, { comes }) => all + comes, 0);
        }, 0);
      }),
    })),
  };
}

/**
 * Manifests with something done to them: what a slip of the keyboard, a broken program or an attacker would do. A
 * mutation is data, so that a case that fails shrinks to the few that matter and can be run again.
 */
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';

const TWO_PORTS = [
  { port: 80, name: 'a' },
  { port: 80, name: 'b', protocol: 'UDP' },
];

/** What is put in the place of a value: of another type, at the edge of what is allowed, or a rule in disguise. */
const NASTY: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 80, 65535, 65536, 2 ** 31, 2 ** 53, 1.5, 1e300, '', ' ', '0', '-1'],
  ...['80', 'true', 'null', 'None', 'Local', 'Cluster', 'primary', 'TCP', 'SCTP', 'ExternalName', 'a', 'A'],
  ...['a.b', 'a/b', 'a b', '-', '--', '-a', 'a-', 'a--b', 'a'.repeat(63), 'a'.repeat(64), 'a'.repeat(300)],
  ...['0.0.0.0', '0.0.0.0/0', '127.0.0.1', '10.0.0.1', '010.001.000.010', '10.0.0.1/33', '10.0.0.1/32'],
  ...['10.0.0.1:80', '255.255.255.255', '224.0.0.1', '1.2.3', '1.2.3.4.5', '::', '::/0', '::1', 'fd00::1'],
  ...['FD00::1', 'fe80::1%eth0', '::ffff:10.0.0.1', '::10.0.0.1', '::ffff:0:0/96', '1:2:3:4:5:6:7:8'],
  ...[' 10.0.0.0/8 ', '10.0.0.0/8\n', '"', "'", '\\', '\\"', '`', '$(id)', ';', '#', '!', '! -s 10.0.0.1'],
  ...['*', '*nat', 'COMMIT', '\nCOMMIT\n', '\n', 'a\nb', 'a\r\nb', 'a\tb', 'a\u0000b', '\u001b[31m'],
  ...['\u2028', '\ud800', 'ä', '٣', '😀', '%s', '+', 'eth0+', 'a -j ACCEPT', '" -j ACCEPT'],
  ...['a" -j ACCEPT "', 'web\n-A KUBE-SERVICES -j ACCEPT', '-j', '--to-destination', '__proto__'],
  ...['constructor', 'toString', 'KUBE-SERVICES', 'KUBE-MARK-MASQ', 'x'.repeat(5000), [], [[]], [null], {}],
  ...[{ a: 1 }, { name: 'a' }, [{}], [1, 2, 3], ['10.0.0.1', 'fd00::1'], ['10.0.0.1', '10.0.0.2']],
  ...[[{ port: 80 }], TWO_PORTS, { __proto__: null, a: 'b' }],
];

/** Keys that a manifest may have, and some that none should. */
const KEYS: readonly string[] = [
  ...['apiVersion', 'kind', 'metadata', 'name', 'namespace', 'labels', 'spec', 'status', 'items'],
  ...['selector', 'type', 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'ports', 'port'],
  ...['nodePort', 'targetPort', 'protocol', 'externalIPs', 'externalTrafficPolicy'],
  ...['internalTrafficPolicy', 'loadBalancerSourceRanges', 'loadBalancer', 'ingress', 'ip', 'ipMode'],
  ...['healthCheckNodePort', 'sessionAffinity', 'sessionAffinityConfig', 'topologyKeys'],
  ...['publishNotReadyAddresses', 'addressType', 'endpoints', 'addresses', 'conditions', 'ready'],
  ...['nodeName', 'hints', 'subsets', 'notReadyAddresses', 'podIP', 'podIPs', 'podCIDR', 'containers'],
  ...['iptables', 'masqueradeBit', 'ips', 'detectLocalMode', 'detectLocal', 'bridgeInterface'],
  ...['interfaceNamePrefix', 'clusterCIDR', 'nodePortAddresses', 'kubernetes.io/service-name'],
  ...['service.kubernetes.io/headless', '__proto__', 'constructor', '', 'a b', '<<'],
];

/** Pieces of YAML, most of which mean something in most places. */
const PIECES: readonly string[] = [
  ...['\n', '\r\n', '\t', ' ', '  ', '    ', ':', ': ', '- ', '-', '? ', '{', '}', '[', ']', ',', '"', "'"],
  ...['|', '>', '#', ' #', '&a ', '*a', '&a', '*b ', '!', '!!str ', '!!int ', '!!binary ', '%YAML 1.1\n'],
  ...['---\n', '...\n', '<<: ', '@', '`', '%', '\\', '\u0000', '\ufeff', '\u0085', '\u001b[31m', 'ä', '😀'],
  ...['\ud800', 'a', '0', '1e9', '~'],
];

/** Values that may stand for one another: what comes of such a change is mostly still a cluster, but another one. */
const ALIKE: readonly (readonly unknown[])[] = [
  [true, false],
  ['TCP', 'UDP', 'SCTP'],
  ['Cluster', 'Local'],
  ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
  ['None', 'ClientIP'],
  ['IPv4', 'IPv6'],
  ['VIP', 'Proxy'],
  ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
  ['PreferSameZone', 'PreferSameNode', 'PreferClose'],
  ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'],
];
const NUMBERS = [1, 2, 5, 14, 31, 53, 80, 443, 8080, 30000, 32767, 65535];
const IPV4 = ['10.244.1.1', '10.244.9.9', '192.0.2.9', '255.255.255.254', '010.244.001.007', '239.1.1.1'];
const IPV6 = [
  'fd00:10:244::9',
  '2001:db8::9',
  'FD00:0:0:0::7',
  'ff05::1',
  '1:2:3:4:5:6:7:8',
  '::ffff:10.0.0.9',
];
const RANGES_IPV4 = ['0.0.0.0/0', '10.0.0.0/8', '192.168.0.2/32', ' 203.0.113.7/24 '];
const RANGES_IPV6 = ['::/0', 'fd00::/8', '2001:db8::9/128'];
const WORDS = ['a', 'web', 'x-1', 'z'.repeat(63), 'node-a', 'zone-1', '0', 'eth0', 'a23456789012345'];

/** One thing done to a manifest. `at` chooses where, from 0 to just below 1 of all places that there are. */
export type Mutation =
  | { readonly what: 'insert' | 'overwrite'; readonly at: number; readonly text: string }
  | { readonly what: 'cut'; readonly at: number; readonly length: number }
  | { readonly what: 'delete line' | 'double line' | 'indent line' | 'join lines'; readonly at: number }
  | { readonly what: 'move line'; readonly at: number; readonly to: number }
  | { readonly what: 'delete' | 'double' | 'wrap' | 'as text'; readonly at: number }
  | { readonly what: 'vary'; readonly at: number; readonly to: number }
  | { readonly what: 'replace'; readonly at: number; readonly value: unknown }
  | { readonly what: 'rename'; readonly at: number; readonly key: string }
  | { readonly what: 'add'; readonly at: number; readonly key: string; readonly value: unknown };

// Not fc.double, most of whose numbers are next to nothing.
const at = fc.nat(999_999).map((n) => n / 1_000_000);
const nasty = fc.constantFrom(...NASTY);
const key = fc.constantFrom(...KEYS);

const textMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ what: fc.constantFrom('insert', 'overwrite'), at, text: fc.constantFrom(...PIECES) }),
  fc.record({ what: fc.constant('cut'), at, length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ what: fc.constantFrom('delete line', 'double line', 'indent line', 'join lines'), at }),
  fc.record({ what: fc.constant('move line'), at, to: at }),
);

const variation: fc.Arbitrary<Mutation> = fc.record({ what: fc.constant('vary'), at, to: at });

const valueMutation: fc.Arbitrary<Mutation> = fc.oneof(
  { arbitrary: variation, weight: 2 },
  fc.record({ what: fc.constantFrom('delete', 'double', 'wrap', 'as text'), at }),
  fc.record({ what: fc.constant('replace'), at, value: nasty }),
  fc.record({ what: fc.constant('rename'), at, key }),
  fc.record({ what: fc.constant('add'), at, key, value: nasty }),
);

/** Some mutations of values, and of the text that these leave. Only values are still likely to be a manifest. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.oneof(
  { arbitrary: fc.array(valueMutation, { minLength: 1, maxLength: 4 }), weight: 3 },
  { arbitrary: fc.array(textMutation, { minLength: 1, maxLength: 4 }), weight: 2 },
  { arbitrary: fc.array(fc.oneof(valueMutation, textMutation), { minLength: 2, maxLength: 8 }), weight: 1 },
);

/** Some of those that leave most manifests what they are. */
export const variations = fc.array(variation, { minLength: 1, maxLength: 5 });

/** Some text made of YAML's pieces. */
export const yamlText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.constantFrom(...KEYS)), { maxLength: 60 })
  .map((pieces) => pieces.join(''));

/** Does to a YAML text what is asked. Where values are asked for but the text is no YAML any more, it stays. */
export function mutate(text: string, mutations: readonly Mutation[]): string {
  return mutations.reduce(
    (text, mutation) => (isOfText(mutation) ? mutateText(text, mutation) : mutateValues(text, mutation)),
    text,
  );
}

const OF_TEXT = [
  ...(['insert', 'overwrite', 'cut'] as const),
  ...(['delete line', 'double line', 'indent line', 'join lines', 'move line'] as const),
];

type OfText = Extract<Mutation, { what: (typeof OF_TEXT)[number] }>;

function isOfText(mutation: Mutation): mutation is OfText {
  return OF_TEXT.some((what) => what === mutation.what);
}

function mutateText(text: string, mutation: OfText): string {
  const offset = Math.floor(mutation.at * (text.length + 1));
  if (mutation.what === 'insert') return text.slice(0, offset) + mutation.text + text.slice(offset);
  if (mutation.what === 'overwrite') return text.slice(0, offset) + mutation.text + text.slice(offset + 1);
  if (mutation.what === 'cut') return text.slice(0, offset) + text.slice(offset + mutation.length);
  const lines = text.split('\n');
  const i = Math.floor(mutation.at * lines.length);
  const line = lines[i] ?? '';
  const changed = {
    'delete line': () => lines.toSpliced(i, 1),
    'double line': () => lines.toSpliced(i, 0, line),
    'indent line': () => lines.with(i, ` ${line}`),
    'join lines': () => lines.toSpliced(i, 2, line + (lines[i + 1] ?? '')),
    'move line': () =>
      lines.toSpliced(i, 1).toSpliced('to' in mutation ? Math.floor(mutation.to * lines.length) : 0, 0, line),
  };
  return changed[mutation.what]().join('\n');
}

/** A place in a document: in a mapping or a list, under a key. */
interface Place {
  readonly container: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

function mutateValues(text: string, mutation: Exclude<Mutation, OfText>): string {
  const documents = valuesOf(text);
  if (!documents) return text;
  const places = placesIn(documents);
  const place = places[Math.floor(mutation.at * places.length)];
  if (!place) return text;
  change(place, mutation);
  return documents.map((document) => JSON.stringify(document) ?? '').join('\n---\n');
}

/** The values of a text's documents, each a copy; undefined where it is no YAML. */
function valuesOf(text: string): unknown[] | undefined {
  try {
    const documents = parseAllDocuments(text, { logLevel: 'silent', uniqueKeys: false });
    if (documents.some(({ errors }) => errors.length > 0)) return undefined;
    return documents.map((document) => JSON.parse(JSON.stringify(document) ?? 'null'));
  } catch {
    return undefined;
  }
}

function placesIn(container: Place['container']): Place[] {
  const keys = Array.isArray(container) ? [...container.keys()] : Object.keys(container);
  return keys.flatMap((key) => {
    const value: unknown = Reflect.get(container, key);
    const below = isContainer(value) ? placesIn(value) : [];
    return [{ container, key }, ...below];
  });
}

function isContainer(value: unknown): value is Place['container'] {
  return typeof value === 'object' && value !== null;
}

function change({ container, key }: Place, mutation: Exclude<Mutation, OfText>): void {
  const value: unknown = Reflect.get(container, key);
  // A plain assignment of `__proto__` would change the object's prototype instead.
  const set = (target: object, name: string | number, value: unknown) => {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  };
  const remove = () => {
    if (Array.isArray(container)) container.splice(Number(key), 1);
    else delete container[key];
  };
  switch (mutation.what) {
    case 'delete':
      remove();
      break;
    case 'double':
      if (Array.isArray(container)) container.splice(Number(key), 0, structuredClone(value));
      else set(container, `${key}s`, value);
      break;
    case 'wrap':
      set(container, key, [value]);
      break;
    case 'as text':
      set(container, key, typeof value === 'string' ? Number(value) : String(value));
      break;
    case 'vary':
      set(container, key, alike(value, mutation.to));
      break;
    case 'replace':
      set(container, key, mutation.value);
      break;
    case 'rename':
      if (Array.isArray(container)) break;
      remove();
      set(container, mutation.key, value);
      break;
    case 'add':
      if (isContainer(value) && !Array.isArray(value)) set(value, mutation.key, mutation.value);
  }
}

/** Another value of the same kind; mappings, lists and what is of no kind stay. */
function alike(value: unknown, to: number): unknown {
  const others = kindOf(value);
  return others ? others[Math.floor(to * others.length)] : value;
}

function kindOf(value: unknown): readonly unknown[] | undefined {
  if (typeof value === 'number') return NUMBERS;
  const words = ALIKE.find((words) => words.includes(value));
  if (words || typeof value !== 'string') return words;
  if (/^[\d.]+$/.test(value)) return IPV4;
  if (/^[\d.]+\/\d+$/.test(value.trim())) return RANGES_IPV4;
  if (/^[\da-f:]+$/i.test(value) && value.includes(':')) return IPV6;
  if (value.includes('::') && value.includes('/')) return RANGES_IPV6;
  return WORDS;
}

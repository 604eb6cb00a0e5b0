/** Rules of the language, and texts that are almost rules. */
import fc from 'fast-check';
import {
  CONNTRACK_STATES,
  type Match,
  PROTOCOLS,
  type Rule,
  type Target,
} from '../../../src/iptables/types.ts';
import { type Family, formatAddress, parseCIDR } from '../../../src/net/address.ts';

const negated = fc.constantFrom({}, {}, { negated: true } as const);

const bits = fc.oneof(fc.constantFrom(0, 1, 0x4000, 0x80000000, 0xffffffff), fc.nat({ max: 0xffffffff }));

/** What people and programs write into comments: also what looks like something else. */
export const comment = fc.oneof(
  fc.constantFrom('ns/name:port cluster IP', 'ns/name', '', ' ', '-j', '!', '--dport 80', '"', '\\', "it's"),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('"', '\\', "'", ' ', '-', '!', 'a', '-j ACCEPT'), maxLength: 12 }),
);

const name = fc.constantFrom('KUBE-SEP-EJERYEAV7XNEU6DK', 'DEFAULT', 'a', '-s', '--set', 'x.y');

export function address(family: Family): fc.Arbitrary<string> {
  const most = family === 'ipv4' ? 2n ** 32n - 1n : 2n ** 128n - 1n;
  // IPv4 addresses in IPv6 are not written by us: ip6tables has a spelling of its own for them.
  const least = family === 'ipv4' ? 0n : 2n ** 64n;
  return fc.bigInt({ min: least, max: most }).map((value) => formatAddress(family, value));
}

export function range(family: Family): fc.Arbitrary<string> {
  const [shortest, longest] = family === 'ipv4' ? [1, 31] : [64, 127];
  return fc
    .tuple(address(family), fc.integer({ min: shortest, max: longest }))
    .map(([address, prefix]) => parseCIDR(`${address}/${prefix}`) ?? address);
}

/** Other programs' extensions, each as iptables-save prints it. */
const FOREIGN: readonly (readonly string[])[] = [
  ['-o', 'eth1'],
  ['-f'],
  ['-m', 'multiport', '--dports', '80,443'],
  ['-m', 'set', '!', '--match-set', 'blocked', 'src'],
  ['-m', 'limit', '--limit', '5/min', '--limit-burst', '3'],
  ['-m', 'physdev', '!', '--physdev-is-bridged'],
  ['-m', 'conntrack', '--ctstate', 'NEW', '--ctproto', '6'],
  ['-m', 'statistic', '--mode', 'nth', '--every', '3', '--packet', '0'],
  ['-m', 'string', '--string', '-j', '--algo', 'bm', '--to', '65535'],
  ['-m', 'recent', '--update', '--seconds', '60', '--name', 'ssh', '--mask', '255.255.255.255', '--rsource'],
];

const FOREIGN_TARGETS: readonly (readonly string[])[] = [
  ['-j', 'LOG', '--log-prefix', '-j DROP: '],
  ['-j', 'REJECT', '--reject-with', 'tcp-reset'],
  ['-j', 'SNAT', '--to-source', '192.0.2.1'],
  ['-j', 'CT', '--notrack'],
  ['-j', 'NOTRACK'],
  ['-g', 'DOCKER'],
];

const foreign = fc.constantFrom(...FOREIGN).map((words): Match => ({ match: 'unknown', words: [...words] }));

/** A match that may stand anywhere and any number of times. */
function extension(foreignToo: boolean): fc.Arbitrary<Match> {
  return fc.oneof(
    comment.map((comment): Match => ({ match: 'comment', comment })),
    fc
      .tuple(bits, bits, negated)
      .map(([value, mask, negated]): Match => ({ match: 'mark', value, mask, ...negated })),
    fc
      .tuple(fc.subarray([...CONNTRACK_STATES], { minLength: 1 }), negated)
      .map(([states, negated]): Match => ({ match: 'conntrack', states, ...negated })),
    fc
      .tuple(fc.constantFrom('source' as const, 'destination' as const), negated)
      .map(([side, negated]): Match => ({ match: 'addrtype', side, type: 'LOCAL', ...negated })),
    fc
      .oneof(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 5000 }).map((n) => 1 / n),
      )
      .map((probability): Match => ({ match: 'statistic', probability })),
    fc
      .tuple(name, fc.integer({ min: 1, max: 86400 }))
      .map(([name, seconds]): Match => ({ match: 'recent', operation: 'rcheck', name, seconds })),
    name.map((name): Match => ({ match: 'recent', operation: 'set', name })),
    name.map((name): Match => ({ match: 'nfacct', name })),
    fc
      .constantFrom('1,6 0 0 65535', '6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0')
      .map((bytecode): Match => ({ match: 'bpf', bytecode })),
    ...(foreignToo ? [foreign] : []),
  );
}

/** The matches of which a rule has one at the most; a port comes somewhere behind its protocol. */
function once(family: Family): fc.Arbitrary<readonly Match[]> {
  const ofFamily = fc.oneof(address(family), range(family));
  const base = fc.tuple(
    fc
      .tuple(ofFamily, negated)
      .map(([address, negated]): Match => ({ match: 'source', address, ...negated })),
    fc
      .tuple(ofFamily, negated)
      .map(([address, negated]): Match => ({ match: 'destination', address, ...negated })),
    fc
      .tuple(fc.constantFrom('eth0', 'veth+', 'br-lan.100'), negated)
      .map(([name, negated]): Match => ({ match: 'in-interface', name, ...negated })),
    fc
      .tuple(fc.constantFrom(...PROTOCOLS), fc.constantFrom({}, { bare: true } as const))
      .map(([protocol, bare]): Match => ({ match: 'protocol', protocol, ...bare })),
    fc
      .tuple(fc.nat(65534), fc.nat(65534), fc.boolean())
      .map(
        ([port, more, several]): Match =>
          several
            ? { match: 'destination-port', port, last: Math.min(65535, port + 1 + more) }
            : { match: 'destination-port', port },
      ),
  );
  return base.chain((matches) => fc.subarray(matches)).map(withProtocol);
}

function withProtocol(matches: readonly Match[]): readonly Match[] {
  const protocol = matches.find(({ match }) => match === 'protocol');
  // Ports need the protocol's extension.
  return protocol && !('bare' in protocol)
    ? matches
    : matches.filter(({ match }) => match !== 'destination-port');
}

/** Puts the members of both lists in one, each list's in their order. */
function interleaved<T>(left: readonly T[], right: readonly T[]): fc.Arbitrary<T[]> {
  return fc
    .array(fc.boolean(), { minLength: left.length + right.length, maxLength: left.length + right.length })
    .map((choices) => {
      const [a, b] = [[...left], [...right]];
      return choices.flatMap((first) => ((first && a.length > 0) || b.length === 0 ? a : b).splice(0, 1));
    });
}

function target(family: Family, foreignToo: boolean): fc.Arbitrary<Target | undefined> {
  return fc.oneof(
    fc.constant(undefined),
    fc
      .constantFrom('KUBE-SERVICES', 'KUBE-SEP-EJERYEAV7XNEU6DK', 'DOCKER-USER', 'f2b-sshd')
      .map((chain): Target => ({ target: 'jump', chain })),
    fc
      .constantFrom('ACCEPT' as const, 'DROP' as const, 'REJECT' as const, 'RETURN' as const)
      .map((target): Target => ({ target })),
    fc.tuple(bits, bits).map(([value, mask]): Target => ({ target: 'MARK', value, mask })),
    fc.boolean().map((randomFully): Target => ({ target: 'MASQUERADE', randomFully })),
    fc.tuple(address(family), fc.nat(65535)).map(
      ([address, port]): Target => ({
        target: 'DNAT',
        to: family === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`,
      }),
    ),
    ...(foreignToo
      ? [
          fc
            .constantFrom(...FOREIGN_TARGETS)
            .map((words): Target => ({ target: 'unknown', words: [...words] })),
        ]
      : []),
  );
}

/**
 * A rule of the language, sound enough to be printed.
 * @param foreignToo with matches and targets that are only words to us
 */
export function rule(family: Family, foreignToo = true): fc.Arbitrary<Rule> {
  return fc
    .tuple(once(family), fc.array(extension(foreignToo), { maxLength: 4 }), target(family, foreignToo))
    .chain(([once, extensions, target]) =>
      interleaved(once, extensions).map((matches) => (target ? { matches, target } : { matches })),
    );
}

/** Words of rules in any order: most of it is none, and some of it nearly. */
export const almostRule: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          '-s',
          '-d',
          '-i',
          '-o',
          '-p',
          '-f',
          '-m',
          '-j',
          '-g',
          '!',
          '--jump',
          '--src',
          '--source',
          '-c',
          '-4',
        ],
        ...[
          'comment',
          '--comment',
          'tcp',
          'udp',
          'TCP',
          '6',
          'all',
          '--dport',
          '--sport',
          '--destination-port',
        ],
        ...[
          'mark',
          '--mark',
          'conntrack',
          '--ctstate',
          'NEW',
          'new',
          'addrtype',
          '--dst-type',
          'LOCAL',
          'recent',
        ],
        ...['--set', '--rcheck', '--seconds', '--reap', '--name', '--mask', '255.255.255.255', '--rsource'],
        ...['statistic', '--mode', 'random', '--probability', '0.5', 'multiport', '--dports', '80,443', '80'],
        ...['MARK', '--set-xmark', '--or-mark', '0x4000', '0x4000/0x4000', '010', 'DNAT', '--to-destination'],
        ...['10.0.0.1:80', '10.0.0.1', '10.0.0.0/8', 'fd00::1', 'ACCEPT', 'KUBE-SERVICES', 'LOG', 'REJECT'],
        ...[
          'MASQUERADE',
          '--random-fully',
          '"',
          '""',
          '"a b"',
          'x"y z"',
          '\\',
          '-',
          '--',
          '',
          '\t',
          'eth0',
          '+',
        ],
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 14 },
  )
  .map((words) => words.join(' '));

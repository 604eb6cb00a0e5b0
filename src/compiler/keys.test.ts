import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from '../../test/support/arbitrary/rules.ts';
import { printRule } from '../iptables/print.ts';
import { startOf } from '../iptables/simulator/flow.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { PROTOCOLS, type Rule } from '../iptables/types.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { keyOfRule, keyRange } from './keys.ts';
import { destination, destinationPort, PROTOCOL_MATCHES as MATCHES, source } from './matches.ts';

describe('the key of a rule', () => {
  test.each<[string, Rule['matches'], ReturnType<typeof keyOfRule>]>([
    [
      'to a port of an address',
      [MATCHES.tcp, destination('10.96.0.10'), destinationPort(80)],
      { by: 'address', key: '0a60000at0050' },
    ],
    ['to an address', [destination('10.96.0.10'), source('10.0.0.1')], { by: 'address', key: '0a60000a' }],
    ['to a port', [MATCHES.udp, destinationPort(65535)], { by: 'port', key: 'uffff' }],
    ['to a port of a range', [MATCHES.sctp, destination('127.0.0.0/8'), destinationPort(1)], { by: 'port', key: 's0001' }], // biome-ignore format: a row
    ['to anything but an address', [{ match: 'destination', address: '10.0.0.1', negated: true }], undefined],
    ['to anything', [], undefined],
  ])('%s', (_, matches, expected) => {
    expect(keyOfRule({ matches }, 'ipv4')).toEqual(expected);
  });

  test('of IPv6', () => {
    const matches = [destination('fd00:10:96::a')];
    expect(keyOfRule({ matches }, 'ipv6')?.key).toBe('fd00001000960000000000000000000a');
  });
});

describe('the range of a prefix', () => {
  test.each<[string, 'address' | 'port', Family, string, string | undefined, number]>([
    ['0a60', 'address', 'ipv4', ' -d 10.96.0.0/16', '10.96.0.0/16', 16],
    ['0', 'address', 'ipv4', ' -d 0.0.0.0/4', '0.0.0.0/4', 4],
    ['0a60000a', 'address', 'ipv4', ' -d 10.96.0.10', '10.96.0.10/32', 32],
    ['0a60000au', 'address', 'ipv4', ' -m udp -p udp', undefined, 36],
    ['0a60000at00', 'address', 'ipv4', ' -m tcp -p tcp --dport 0:255', undefined, 44],
    ['0a60000at0050', 'address', 'ipv4', ' -m tcp -p tcp --dport 80', undefined, 52],
    ['fd00001', 'address', 'ipv6', ' -d fd00:10::/28', undefined, 28],
    ['s', 'port', 'ipv4', ' -m sctp -p sctp', 'sctp-0/0', 4],
    ['t75', 'port', 'ipv6', ' -m tcp -p tcp --dport 29952:30207', 'tcp-29952/8', 12],
  ])('%s of %s', (prefix, by, family, matches, text, bits) => {
    const range = keyRange(prefix, by, family);
    expect({ ...range, matches: printRule(range) }).toEqual({ matches, text, bits });
  });

  test('holds the packets whose keys begin with it, and no others of the same address', () => {
    const port = fc.nat(65535);
    const packet = fc.constantFrom(...FAMILIES).chain((family) =>
      fc.record({
        family: fc.constant(family),
        to: address(family),
        protocol: fc.constantFrom(...PROTOCOLS),
        ports: fc.tuple(port, fc.oneof(port, fc.constant(0))),
        length: fc.integer({ min: 1, max: 37 }),
        by: fc.constantFrom('address' as const, 'port' as const),
      }),
    );
    fc.assert(
      fc.property(packet, ({ family, to, protocol, ports: [port, near], length, by }) => {
        const keyTo = (port: number) => {
          const where = by === 'address' ? [destination(to)] : [];
          return (
            keyOfRule({ matches: [MATCHES[protocol], ...where, destinationPort(port)] }, family)?.key ?? ''
          );
        };
        const prefix = keyTo(port).slice(0, length);
        const { matches } = keyRange(prefix, by, family);
        const rule: Rule = { matches, target: { target: 'DROP' } };
        const chains = [{ name: 'FORWARD', policy: 'ACCEPT' as const, rules: [rule] }];
        const ruleset = prepare({ family, tables: [{ name: 'filter', chains }] });
        for (const destinationPort of [port, near ^ 1]) {
          const asked = { source: to, destination: to, protocol, destinationPort, inInterface: 'eth0' };
          expect(startOf(asked, family)).toBeDefined();
          const [outcome] = simulate(ruleset, asked, { isLocal: () => false }).outcomes;
          expect(outcome?.verdict === 'DROP').toBe(keyTo(destinationPort).startsWith(prefix));
        }
      }),
    );
  });
});

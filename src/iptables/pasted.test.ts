import { describe, expect, test } from 'vitest';
import { looksSaved, readPasted } from './pasted.ts';

const NAT = ['*nat', ':PREROUTING ACCEPT [0:0]', '-A PREROUTING -d 10.96.0.1/32 -j DROP', 'COMMIT'];
const NAT6 = NAT.map((line) => line.replace('10.96.0.1/32', 'fd00::1/128'));
const BARE = ['*filter', ':INPUT ACCEPT [0:0]', 'COMMIT'];
const text = (...lines: (string | string[])[]) => lines.flat().join('\n');
const read = (pasted: string) =>
  readPasted(pasted).map((one) => [one.family, one.text.split('\n').filter((line) => line !== '')]);

describe('pasted rules', () => {
  test.each<[string, string, unknown]>([
    ['as they are printed', text(NAT), [['ipv4', NAT]]],
    ['behind a prompt', text('root@a:~# iptables-save', NAT, 'root@a:~# exit'), [['ipv4', NAT]]],
    ['indented and quoted', text(...NAT.map((line) => `  > ${line}  `)), [['ipv4', NAT]]],
    ['in colour', text(...NAT.map((line) => `\u001b[32m${line}\u001b[0m`)), [['ipv4', NAT]]],
    ['with line ends of Windows', text(NAT).replaceAll('\n', '\r\n'), [['ipv4', NAT]]],
    ['several tables', text(NAT, BARE), [['ipv4', [...NAT, ...BARE]]]],
    [
      'both families',
      text(NAT, NAT6),
      [
        ['ipv4', NAT],
        ['ipv6', NAT6],
      ],
    ],
    [
      'both families, and a table that only its program tells',
      text('$ iptables-save', NAT, '$ ip6tables-save', BARE),
      [
        ['ipv4', NAT],
        ['ipv6', BARE],
      ],
    ],
    [
      'a table that nothing tells, where the other family has one of its name',
      text(NAT, BARE, BARE),
      [
        ['ipv4', [...NAT, ...BARE]],
        ['ipv6', BARE],
      ],
    ],
    ['nothing that tells', text(BARE), [[undefined, BARE]]],
  ])('%s', (_, pasted, expected) => {
    expect(read(pasted)).toEqual(expected);
  });

  test('each line stays where it was', () => {
    const [first] = readPasted(text('$ iptables-save', NAT));
    expect(first?.text).toBe(text('', NAT));
  });

  test.each([
    ['what is cut short', text(NAT.slice(0, -1))],
    ['another line among rules', text(NAT.slice(0, 2), '--More--', NAT.slice(2))],
  ])('%s stays in it, for whoever reads it', (_, pasted) => {
    expect(readPasted(pasted)[0]?.text).toBe(pasted);
  });

  test.each(['', 'nothing\n', '-A INPUT -j DROP\n'])('%j is left as it is', (pasted) => {
    expect(readPasted(pasted).map((one) => one.text)).toEqual([pasted]);
  });
});

test.each<[string, boolean]>([
  [text(NAT), true],
  [
    text(
      '$ iptables-save',
      NAT.map((line) => `> ${line}`),
    ),
    true,
  ],
  ['kind: Service\n', false],
  ['*nat\n', false],
])('%j looks so: %s', (pasted, expected) => {
  expect(looksSaved(pasted)).toBe(expected);
});

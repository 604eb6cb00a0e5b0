import { describe, expect, test } from 'vitest';
import { packetsLabel, targetLabel } from './labels.ts';
import { parseRule } from './parse.ts';

describe('which packets a rule takes', () => {
  test.each<[string, string]>([
    ['', ''],
    ['-m comment --comment "shop/web cluster IP"', ''],
    ['-p tcp -d 10.96.0.10 --dport 80', 'tcp 10.96.0.10:80'],
    ['-p udp -d fd00::a --dport 53', 'udp [fd00::a]:53'],
    ['-p tcp --dport 30080', 'tcp port 30080'],
    ['-p tcp -d 127.0.0.0/8 --dport 30080', 'tcp 127.0.0.0/8 port 30080'],
    ['-d 192.168.0.2', 'to 192.168.0.2'],
    ['! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL', 'not to 127.0.0.0/8, to this node'],
    ['-p tcp -d 10.96.0.10 --dport 80 ! -s 10.244.0.0/16', 'tcp 10.96.0.10:80, not from 10.244.0.0/16'],
    ['-m addrtype --src-type LOCAL', 'from this node'],
    ['-m addrtype ! --dst-type LOCAL', 'not to this node'],
    ['! -i veth+', 'not in on veth+'],
    ['-m mark ! --mark 0x4000/0x4000', 'not marked 0x4000'],
    ['-m mark --mark 0x1/0xff', 'marked 0x1/0xff'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', 'RELATED or ESTABLISHED'],
    ['-m recent --name a --rcheck --seconds 10800 --reap', 'seen within 10800 s'],
    ['-m recent --name a --set', 'remembered'],
    ['-m nfacct --nfacct-name ct', 'counted as ct'],
    ['-m statistic --mode random --probability 0.5', 'probability 0.5'],
    ['-m set --match-set blocked src', '-m set --match-set blocked src'],
  ])('%s', (text, expected) => {
    expect(packetsLabel(parseRule(text, text.includes('::') ? 'ipv6' : 'ipv4').matches, false)).toBe(
      expected,
    );
  });

  test('without chance', () => {
    const rule = parseRule('-s 10.0.0.1 -m statistic --mode random --probability 0.5', 'ipv4');
    expect(packetsLabel(rule.matches, true)).toBe('from 10.0.0.1');
  });
});

test.each<[string, string]>([
  ['-j DNAT --to-destination 10.244.1.5:8080', 'DNAT 10.244.1.5:8080'],
  ['-j REJECT', 'REJECT'],
  ['-j MASQUERADE --random-fully', 'MASQUERADE --random-fully'],
  ['-j MARK --or-mark 0x4000', 'MARK --or-mark 0x00004000'],
  ['-j LOG --log-prefix "a b"', 'LOG --log-prefix "a b"'],
])('what becomes of packets: %s', (text, expected) => {
  const { target } = parseRule(`-p tcp ${text}`, 'ipv4');
  expect(target && targetLabel(target)).toBe(expected);
});

/**
 * The lines that our rulesets may have, told by expressions that share nothing with the printer: whatever a manifest
 * holds, none of it may become an option, a rule or a line of its own.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { Family } from '../../src/net/address.ts';

const CHAIN = 'KUBE-[A-Z0-9-]{1,23}(?:[a-z0-9.-]{0,18}/\\d{1,3})?';
const COMMENT = '(?:[\\w./:-]{1,255}|"[A-Za-z0-9 ./:;,>\\[\\]-]{1,255}")';
const ADDRESS = '[0-9a-f.:]{2,39}(?:/\\d{1,3})?';
const HEX = '0x[0-9a-f]{8}';
const NUMBER = '\\d{1,5}';

const MATCHES = [
  `-m comment --comment ${COMMENT}`,
  '-m (?:tcp -p tcp|udp -p udp|sctp -p sctp)',
  '-p (?:tcp|udp|sctp)',
  `(?:! )?-[sd] ${ADDRESS}`,
  `--dport ${NUMBER}(?::${NUMBER})?`,
  '(?:! )?-i \\w[\\w.-]{0,14}\\+?',
  `-m mark (?:! )?--mark ${HEX}/${HEX}`,
  '-m conntrack (?:! )?--ctstate [A-Z]+(?:,[A-Z]+)*',
  '-m addrtype (?:! )?--(?:src|dst)-type LOCAL',
  '-m statistic --mode random --probability 0\\.\\d{10}',
  `-m recent --name ${CHAIN} --(?:set|rcheck --seconds ${NUMBER} --reap)`,
  '-m nfacct --nfacct-name [a-z_]+',
  '-m bpf --bytecode "\\d+(?:,\\d+ \\d+ \\d+ \\d+)+"',
];

const TARGETS = [
  CHAIN,
  'ACCEPT|DROP|REJECT|RETURN',
  `MARK --(?:or-mark|xor-mark) ${HEX}`,
  'MASQUERADE(?: --random-fully)?',
  `DNAT --to-destination (?:[0-9.]+|\\[[0-9a-f:]+\\]):${NUMBER}`,
];

const RULE = new RegExp(`^-A ${CHAIN}(?: (?:${MATCHES.join('|')}))*(?: -j (?:${TARGETS.join('|')}))?$`);
const HEAD = new RegExp(`^:(${CHAIN}) - \\[0:0\\]$`);

/** What is wrong with a text that should be rules of a family; nothing where it is as it should be. */
export function grammarProblems(text: string, family: Family): string[] {
  if (!text.endsWith('\nCOMMIT\n')) return ['does not end with COMMIT'];
  const problems: string[] = [];
  let chains: Set<string> | undefined;
  let sawRule = false;
  for (const line of text.slice(0, -1).split('\n')) {
    const complain = (what: string) => problems.push(`${what}: ${JSON.stringify(line)}`);
    const head = HEAD.exec(line);
    if (line === '*filter' || line === '*nat') {
      if (chains) complain('a table in a table');
      chains = new Set();
      sawRule = false;
    } else if (!chains) {
      complain('outside of a table');
    } else if (line === 'COMMIT') {
      chains = undefined;
    } else if (head) {
      if (sawRule) complain('a chain behind rules');
      if (chains.has(head[1] ?? '')) complain('a chain twice');
      chains.add(head[1] ?? '');
    } else if (RULE.test(line)) {
      sawRule = true;
      for (const what of ruleProblems(line, family, chains)) complain(what);
    } else {
      complain('no line of ours');
    }
  }
  return chains ? [...problems, 'a table without an end'] : problems;
}

function ruleProblems(line: string, family: Family, chains: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const words = line.replace(/"[^"]*"/g, 'comment').split(' ');
  for (const [i, word] of words.entries()) {
    const value = words[i + 1] ?? '';
    if ((word === '-A' || word === '-j') && value.startsWith('KUBE-') && !chains.has(value)) {
      problems.push(`there is no chain ${value}`);
    }
    if ((word === '-s' || word === '-d') && !isAddress(value, family)) problems.push(`no address: ${value}`);
    if (word === '-i' && value.length > 15) problems.push('the name of an interface is too long');
    if (word === '--dport' && !value.split(':').every(isPort)) problems.push(`no port: ${value}`);
    if (word === '--to-destination') {
      const at = value.lastIndexOf(':');
      const address = value.slice(0, at).replace(/^\[|\]$/g, '');
      if (!isAddress(address, family) || !isPort(value.slice(at + 1))) problems.push(`no endpoint: ${value}`);
    }
  }
  return problems;
}

function isAddress(text: string, family: Family): boolean {
  const [address = '', prefix = '0'] = text.split('/');
  const bits = family === 'ipv4' ? 32 : 128;
  return (family === 'ipv4' ? isIPv4(address) : isIPv6(address)) && Number(prefix) <= bits;
}

function isPort(text: string): boolean {
  return Number(text) >= 1 && Number(text) <= 65535;
}

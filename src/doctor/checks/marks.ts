/** The bit of the packet mark that asks for masquerading. */
import { isOwnChain } from '../../chains/names.ts';
import { planNode } from '../../compiler/node-plan.ts';
import { FAMILIES } from '../../net/address.ts';
import type { Check } from '../check.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { CheckedCluster } from '../cluster.ts';
import { ofFirewall } from '../firewalls.ts';

/** What a rule sets or looks for: the option, the value, and the mask, all bits where it has none. */
const MARKS = /--(set-x?mark|or-mark|and-mark|xor-mark|mark) (0x[\da-f]+|\d+)(?:\/(0x[\da-f]+|\d+))?/g;

const ALL_BITS = 0xffffffff;

export const marks: Check = {
  code: 'mark-used-by-others',
  title: 'Nobody else uses the bit that asks for masquerading.',
  severity: 'warning',
  remedy:
    'Give one of them another bit: iptables.masqueradeBit of the configuration (--iptables-masquerade-bit), or the mark of the other program.',
  needs: 'node',
  find(node, cluster) {
    const bit = masqueradeMark(node, cluster);
    const inRules = node.families.flatMap((family) =>
      [...node.tables(family)].flatMap(([table, chains]) =>
        [...chains.values()].flatMap(({ name, lines }) =>
          isOwnChain(table, name) || name.startsWith('KUBE-')
            ? []
            : lines
                .filter((line) => uses(line, name, bit))
                .map((line) => ({ chain: name, line: `${family} -t ${table} -A ${name}${line}` })),
        ),
      ),
    );
    const inRouting = FAMILIES.flatMap((family) => {
      const reading = node.snapshot.outputs[`ip-rule-${family}`];
      const found = 'text' in reading ? Array.from(reading.text.matchAll(/\{[^{}]*"fwmark":[^{}]*\}/g)) : [];
      return found
        .map(([text]) => text)
        .filter((text) => {
          const [, value] = /"fwmark":"?(0x[\da-f]+|\d+)/.exec(text) ?? [];
          const [, mask] = /"fwmask":"?(0x[\da-f]+|\d+)/.exec(text) ?? [];
          return hasBit(mask === undefined ? value : mask, bit) && hasBit(value, bit);
        })
        .map((text) => ({ chain: '', line: `${family} ip rule: ${text}` }));
    });
    return [...inRules, ...inRouting].map(({ chain, line }) => ({
      cause: `A rule${ofFirewall(chain)} uses the bit ${hex(bit)} of the packet mark, by which packets are masqueraded: one program does what the other means.`,
      evidence: [line],
    }));
  },
};

/** By the rules, as they are what counts; else by the configuration. */
function masqueradeMark(node: CheckedNode, cluster: CheckedCluster | undefined): number {
  for (const family of node.families) {
    const [line] = node.tables(family).get('nat')?.get('KUBE-MARK-MASQ')?.lines ?? [];
    const [, value] = /--(?:set-xmark|or-mark) (0x[\da-f]+)/.exec(line ?? '') ?? [];
    if (value !== undefined) return Number(value);
  }
  return cluster ? planNode(cluster.node, cluster.options('ipv4')).masqueradeMark : 0x4000;
}

/** Behind the rules that set the bit, and before the one that masquerades by it. */
const BETWEEN: readonly string[] = ['FORWARD', 'POSTROUTING'];

/**
 * Whether a rule sets the bit, takes it back where it is needed, or decides by it and others. Who asks for this one bit
 * means it, as Flannel does.
 */
function uses(line: string, chain: string, bit: number): boolean {
  return Array.from(line.matchAll(MARKS)).some(([, option, value, mask]) => {
    const bits = mask === undefined ? ALL_BITS : Number(mask);
    if (option === 'mark') return hasBit(value, bit) && bits !== bit;
    if (option === 'and-mark') return BETWEEN.includes(chain) && !hasBit(value, bit);
    return hasBit(value, bit) || (BETWEEN.includes(chain) && (bits & bit) !== 0);
  });
}

function hasBit(value: string | undefined, bit: number): boolean {
  return value !== undefined && (Number(value) & bit) !== 0;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

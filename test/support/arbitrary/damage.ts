/** What may have happened to a node's tables: other programs, older versions of kube-proxy, people. */
import fc from 'fast-check';
import { JUMPS } from '../../../src/chains/jumps.ts';
import { isOwnChain } from '../../../src/chains/names.ts';
import { printRule } from '../../../src/iptables/print.ts';
import type { TableName } from '../../../src/iptables/types.ts';
import type { FakeKernel } from '../fake-kernel.ts';

/** Rules of others as iptables-save prints them; none of them is about packets to Services. */
const FOREIGN_RULES: Readonly<Record<'filter' | 'nat', readonly string[]>> = {
  filter: [
    ' -s 192.0.2.9/32 -j DROP',
    ' -m set --match-set blocked src -j DROP',
    ' -p tcp -m multiport --dports 22,2222 -m comment --comment "ssh -j KUBE-SERVICES" -j f2b-sshd',
    ' -i docker0 -o eth0 -j ACCEPT',
    ' -p tcp -m tcp --dport 22 -j LOG --log-prefix "ssh: "',
    ' -m comment --comment -j -j DOCKER-USER',
    ' -s 192.0.2.9/32 -g DOCKER-USER',
    ' -s 192.0.2.9/32 -p tcp -j RETURN',
    ' -m comment --comment "counts \\"all\\" of it"',
  ],
  nat: [
    ' -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    ' -m addrtype --dst-type LOCAL -m set --match-set ports dst -j DOCKER-USER',
    ' -s 192.0.2.9/32 -p tcp -j DNAT --to-destination 192.0.2.10',
    ' -s 192.0.2.9/32 -j MARK --set-xmark 0x10000/0x10000',
    ' -m comment --comment "a -j KUBE-SERVICES b" -j RETURN',
  ].filter((rule) => !rule.endsWith('RETURN')),
};

/** Names that are like ours only in part. */
const FOREIGN_CHAINS = [
  'DOCKER-USER',
  'f2b-sshd',
  'KUBE-ROUTER-FORWARD',
  'KUBE-SVC-SHORT',
  'KUBE-SEP-abcdefghijklmnop',
  'KUBE-SVC-AAAAAAAAAAAAAAAAA',
];

const STALE = [
  'KUBE-SVC-AAAAAAAAAAAAAAAA',
  'KUBE-XLB-BBBBBBBBBBBBBBBB',
  'KUBE-SEP-CCCCCCCCCCCCCCCC',
] as const;

const table = fc.constantFrom('filter' as const, 'nat' as const);
const choice = fc.nat();

/** Something that happens to one table. Numbers choose among what is there. */
type Damage =
  | {
      readonly damage: 'foreign rule';
      readonly table: 'filter' | 'nat';
      readonly chain: number;
      readonly rule: number;
      readonly at: number;
    }
  | {
      readonly damage: 'foreign chain';
      readonly table: 'filter' | 'nat';
      readonly chain: number;
      readonly rule: number;
    }
  | {
      readonly damage: 'leads into ours';
      readonly table: 'filter' | 'nat';
      readonly from: number;
      readonly to: number;
      readonly goto: boolean;
    }
  | {
      readonly damage: 'rule in ours';
      readonly table: 'filter' | 'nat';
      readonly chain: number;
      readonly rule: number;
      readonly at: number;
    }
  | {
      readonly damage: 'rule gone' | 'rule twice' | 'rule moved';
      readonly table: 'filter' | 'nat';
      readonly chain: number;
      readonly rule: number;
    }
  | { readonly damage: 'flushed' | 'deleted'; readonly table: 'filter' | 'nat'; readonly chain: number }
  | {
      readonly damage: 'jump gone' | 'jump twice' | 'jump of an older version';
      readonly jump: number;
      readonly at: number;
    }
  | { readonly damage: 'stale chains' }
  | { readonly damage: 'kubelet'; readonly sign: number; readonly firewall: boolean }
  | { readonly damage: 'all flushed' };

const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      damage: fc.constant('foreign rule'),
      table,
      chain: choice,
      rule: choice,
      at: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ damage: fc.constant('foreign chain'), table, chain: choice, rule: choice }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      damage: fc.constant('leads into ours'),
      table,
      from: choice,
      to: choice,
      goto: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      damage: fc.constant('rule in ours'),
      table,
      chain: choice,
      rule: choice,
      at: fc.nat(5),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      damage: fc.constantFrom('rule gone', 'rule twice', 'rule moved'),
      table,
      chain: choice,
      rule: choice,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ damage: fc.constantFrom('flushed', 'deleted'), table, chain: choice }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      damage: fc.constantFrom('jump gone', 'jump twice', 'jump of an older version'),
      jump: choice,
      at: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ damage: fc.constant('stale chains') }) },
  {
    weight: 1,
    arbitrary: fc.record({ damage: fc.constant('kubelet'), sign: choice, firewall: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ damage: fc.constant('all flushed') }) },
);

/** Some of it, one after the other. */
export const damages: fc.Arbitrary<readonly Damage[]> = fc.array(damage, { maxLength: 8 });

/** Does it to a kernel. What iptables would refuse does not happen. */
export function doDamage(kernel: FakeKernel, damages: readonly Damage[]): void {
  for (const damage of damages) happen(kernel, damage);
}

function happen(kernel: FakeKernel, damage: Damage): void {
  const restore = (table: TableName, ...lines: string[]) =>
    void kernel.tryRestore(`*${table}\n${lines.join('\n')}\nCOMMIT\n`);
  const chains = (table: TableName) => [...(kernel.saved().get(table)?.values() ?? [])];
  const own = (table: TableName) => chains(table).filter(({ name }) => isOwnChain(table, name));
  const builtIn = (table: TableName) => chains(table).filter((chain) => chain.builtIn);
  const pick = <T>(items: readonly T[], number: number): T | undefined =>
    items[number % Math.max(1, items.length)];
  // The chains that others' rules lead to.
  const others = FOREIGN_CHAINS.slice(0, 2).map((name) => `:${name} - [0:0]`);
  const withOthers = (table: TableName) => {
    const missing = others.filter((line) => !chains(table).some(({ name }) => line === `:${name} - [0:0]`));
    if (missing.length > 0) restore(table, ...missing);
  };

  switch (damage.damage) {
    case 'foreign rule': {
      withOthers(damage.table);
      const chain = pick(builtIn(damage.table), damage.chain);
      const rule = pick(FOREIGN_RULES[damage.table], damage.rule);
      restore(damage.table, `-I ${chain?.name} ${damage.at + 1}${rule}`);
      break;
    }
    case 'foreign chain': {
      withOthers(damage.table);
      const name = pick(FOREIGN_CHAINS.slice(2), damage.chain);
      restore(
        damage.table,
        `:${name} - [0:0]`,
        `-A ${name}${pick(FOREIGN_RULES[damage.table].slice(0, 2), damage.rule)}`,
      );
      break;
    }
    case 'leads into ours': {
      withOthers(damage.table);
      const to = pick(own(damage.table), damage.to);
      const from = pick(
        ['DOCKER-USER', 'f2b-sshd', ...builtIn(damage.table).map(({ name }) => name)],
        damage.from,
      );
      restore(damage.table, `-A ${from} -s 192.0.2.9/32 -${damage.goto ? 'g' : 'j'} ${to?.name}`);
      break;
    }
    case 'rule in ours': {
      withOthers(damage.table);
      const chain = pick(own(damage.table), damage.chain);
      const at = Math.min(damage.at, chain?.lines.length ?? 0) + 1;
      restore(damage.table, `-I ${chain?.name} ${at}${pick(FOREIGN_RULES[damage.table], damage.rule)}`);
      break;
    }
    case 'rule gone':
    case 'rule twice':
    case 'rule moved': {
      const withRules = own(damage.table).filter(({ lines }) => lines.length > 0);
      const chain = pick(withRules, damage.chain);
      const line = pick(chain?.lines ?? [], damage.rule);
      const gone = `-D ${chain?.name}${line}`;
      const added = `-A ${chain?.name}${line}`;
      restore(
        damage.table,
        ...(damage.damage === 'rule twice' ? [] : [gone]),
        ...(damage.damage === 'rule gone' ? [] : [added]),
      );
      break;
    }
    case 'flushed':
      restore(damage.table, `:${pick(own(damage.table), damage.chain)?.name} - [0:0]`);
      break;
    case 'deleted': {
      const name = pick(own(damage.table), damage.chain)?.name;
      const callers = chains(damage.table).flatMap((chain) =>
        chain.lines.filter((line) => line.endsWith(`-j ${name}`)).map((line) => `-D ${chain.name}${line}`),
      );
      restore(damage.table, `:${name} - [0:0]`, ...callers, `-X ${name}`);
      break;
    }
    case 'jump gone':
    case 'jump twice':
    case 'jump of an older version': {
      const jump = pick(JUMPS, damage.jump);
      if (!jump) break;
      const { table, from, to, rule } = jump;
      if (damage.damage === 'jump gone') restore(table, `-D ${from}${printRule(rule)}`);
      else if (damage.damage === 'jump twice')
        restore(table, `-I ${from} ${damage.at + 1}${printRule(rule)}`);
      else
        restore(
          table,
          `-A ${from} -m comment --comment "kubernetes service portals" -s 192.0.2.9/32 -j ${to}`,
        );
      break;
    }
    case 'stale chains': {
      const [service, external, endpoint] = STALE;
      restore(
        'nat',
        ...STALE.map((name) => `:${name} - [0:0]`),
        `-A ${external} -j ${service}`,
        `-A ${service} -j ${endpoint}`,
        `-A ${endpoint} -p tcp -m tcp -j DNAT --to-destination 10.99.99.99:80`,
      );
      break;
    }
    case 'kubelet':
      restore('mangle', `:${pick(['KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY'], damage.sign)} - [0:0]`);
      if (damage.firewall) restore('filter', ':KUBE-FIREWALL - [0:0]', '-I INPUT -j KUBE-FIREWALL');
      break;
    case 'all flushed':
      for (const table of ['filter', 'nat', 'mangle'] as const) {
        const all = chains(table);
        const userDefined = all.filter((chain) => !chain.builtIn);
        restore(
          table,
          ...all.map(({ name }) => `-F ${name}`),
          ...userDefined.map(({ name }) => `-X ${name}`),
        );
      }
  }
}

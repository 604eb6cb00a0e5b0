/** Rules and chains of other programs in the same tables: whatever happens to ours, they stay as they are. */
import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import { type LabService, labRules } from './support/kernel/cluster.ts';
import { type Firewall, FirewallNamespace } from './support/kernel/firewall.ts';
import { LAYOUT_BACKENDS } from './support/kernel/layout.ts';
import { MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { often } from './support/long-form.ts';

const PLACES = LAYOUT_BACKENDS.flatMap((backend) =>
  FAMILIES.map((family): Firewall => ({ backend, family })),
);

const LOCAL = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' };

const SMALL: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] },
  { name: 'nobody', index: 2, endpoints: [] },
];

/** Rules in every chain that there can be. */
const FULL: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-2', 'pod-3'], spec: { sessionAffinity: 'ClientIP' } },
  { name: 'local', index: 3, endpoints: ['pod-1', 'pod-3'], spec: LOCAL },
  { name: 'local-far', index: 4, endpoints: ['pod-3'], spec: { ...LOCAL, healthCheckNodePort: 32000 } },
  {
    name: 'few',
    index: 5,
    endpoints: ['pod-1'],
    spec: { loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:cafe::/64'] },
  },
  ...Array.from(
    { length: 20 },
    (_, i): LabService => ({
      name: `more-${i}`,
      index: 20 + i,
      endpoints: i % 3 === 0 ? [] : ['pod-2', 'pod-3'],
    }),
  ),
];

/** Our chains, said once more, so that nothing is taken from the program that is tested. */
const OURS =
  /^KUBE-(?:SERVICES|NODEPORTS|POSTROUTING|MARK-MASQ|EXTERNAL-SERVICES|FORWARD|PROXY-FIREWALL|FIREWALL|PROXY-CANARY)$/;
const OURS_IN_NAT = /^KUBE-(?:SVC|SVL|EXT|FW|SEP)-[A-Z2-7]{16}$/;
const OURS_IN_TREES = /^KUBE-(?:SVC|EXS|EXT|FW|SEP)-[A-Za-z0-9.-]+\/\d+$/;

const BUILT_IN = /^(?:PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/;

/** What is left of a node's rules without our chains, the jumps into them, and the time of day. */
function foreign(saved: string): string[] {
  let table = '';
  const isOurs = (chain: string) =>
    OURS.test(chain) || OURS_IN_TREES.test(chain) || (table === '*nat' && OURS_IN_NAT.test(chain));
  return lines(saved).filter((line) => {
    if (line.startsWith('*')) table = line;
    const [, declared, chain = '', target = ''] = /^(?::(\S+)|-A (\S+)(?:.* -j (\S+))?)/.exec(line) ?? [];
    return !isOurs(declared ?? chain) && !(BUILT_IN.test(chain) && isOurs(target));
  });
}

function lines(saved: string): string[] {
  return saved.split('\n').filter((line) => !line.startsWith('#'));
}

/** Rules in every place where ours are, before and behind them, and names that are nearly ours. */
const FOREIGN = `*raw
-A PREROUTING -p tcp -m tcp --dport 1 -j ACCEPT
COMMIT
*mangle
:KUBE-PROXY-CANARY-2 - [0:0]
:KUBE-IPTABLES-ELSE - [0:0]
-A FORWARD -m comment --comment "somebody's # rule" -j KUBE-IPTABLES-ELSE
-A POSTROUTING -p udp -m udp --dport 53 -j MARK --set-xmark 0x1/0x1
COMMIT
*filter
:KUBE-ROUTER-INPUT - [0:0]
:KUBE-NWPLCY-2JMBTVBNTAB6OTQM - [0:0]
:KUBE-POD-FW-HG3RZXDP4P4XJX5K - [0:0]
:KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]
:cali-FORWARD - [0:0]
-A INPUT -m comment --comment "kube-router netpol - 4IA2OSFRMVNDXBVV" -j KUBE-ROUTER-INPUT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -j cali-FORWARD
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A OUTPUT -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-ROUTER-INPUT -p udp -m udp --dport 53 -j RETURN
-A KUBE-POD-FW-HG3RZXDP4P4XJX5K -j KUBE-NWPLCY-2JMBTVBNTAB6OTQM
-A KUBE-SVC-EXBNZ76JOZU7PBN2 -j ACCEPT
COMMIT
*nat
:DOCKER - [0:0]
:KUBE-SVC-MINE - [0:0]
:KUBE-SEP-ejeryeav7xneu6dk - [0:0]
:KUBE-SERVICES-2 - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES-2
-A OUTPUT -j KUBE-SVC-MINE
-A POSTROUTING -p tcp -m tcp --dport 80 -j MASQUERADE
-A KUBE-SVC-MINE -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-ejeryeav7xneu6dk
-A KUBE-SEP-ejeryeav7xneu6dk -p tcp -j RETURN
COMMIT
`;

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)('iptables-$backend, $family', (on) => {
  test('stay as they are while ours come, change and go', async () => {
    await using firewall = await FirewallNamespace.create(on);
    await firewall.add(FOREIGN);
    const before = await firewall.save();
    expect(foreign(before)).toEqual(lines(before));
    const applier = firewall.applier();
    for (const services of [SMALL, FULL, SMALL]) {
      await applier.apply(labRules(services, on.family));
      expect(foreign(await firewall.save())).toEqual(lines(before));
    }
    await firewall.cleanup();
    expect(lines(await firewall.save())).toEqual(lines(before));
  });

  test('stay in their order around our jumps, wherever they are put', async () => {
    await using firewall = await FirewallNamespace.create(on);
    await firewall.add(FOREIGN);
    await firewall.applier().apply(labRules(SMALL, on.family));
    await firewall.add(
      ['PREROUTING', 'OUTPUT', 'POSTROUTING']
        .map(
          (chain) => `-I ${chain} -p tcp -j RETURN\n-I ${chain} 3 -p udp -j RETURN\n-A ${chain} -j RETURN\n`,
        )
        .reduce((text, rules) => text + rules, '*nat\n')
        .concat('COMMIT\n*filter\n-I FORWARD 5 -p tcp -j ACCEPT\n-I INPUT -p tcp -j ACCEPT\nCOMMIT\n'),
    );
    const saved = lines(await firewall.save());
    await firewall.applier().apply(labRules(SMALL, on.family));
    expect(lines(await firewall.save()), 'not even our jumps move').toEqual(saved);
    await firewall.applier().apply(labRules(FULL, on.family));
    expect(foreign(await firewall.save())).toEqual(foreign(saved.join('\n')));
    await firewall.cleanup();
    expect(lines(await firewall.save())).toEqual(foreign(saved.join('\n')));
  });

  test('that lead into our chains keep what they lead to', async () => {
    await using firewall = await FirewallNamespace.create(on);
    const rules = labRules(SMALL, on.family);
    await firewall.applier().apply(rules);
    await firewall.add('*nat\n:THEIRS - [0:0]\n-A THEIRS -p tcp -j KUBE-MARK-MASQ\nCOMMIT\n');
    expect(await firewall.cleanup()).toContain('rules of others lead into them: KUBE-MARK-MASQ\n');
    const left = lines(await firewall.save()).filter((line) => /KUBE|THEIRS/.test(line));
    expect(left.map((line) => line.replace(/ \[\d+:\d+\]/, '')).sort()).toEqual([
      '-A THEIRS -p tcp -j KUBE-MARK-MASQ',
      ':KUBE-MARK-MASQ -',
      ':THEIRS -',
    ]);
    await firewall.applier().apply(rules);
    expect(await firewall.difference(rules)).toEqual([]);
  });

  test('come and go beside ours, and none is lost', async () => {
    const EDITS = often(50, 150);
    await using firewall = await FirewallNamespace.create(on);
    // The same edits where nobody else is show what there should be in the end.
    await using alone = await FirewallNamespace.create(on);
    const rulesets = [labRules(SMALL, on.family), labRules(FULL, on.family)];
    for (const namespace of [firewall, alone]) await namespace.add(FOREIGN);

    let editing = true;
    const edit = async () => {
      for (const rules of edits(EDITS)) await Promise.all([firewall.add(rules), alone.add(rules)]);
    };
    const applying = async () => {
      let applies = 0;
      for (const applier = firewall.applier(); editing; applies++) {
        const ruleset = rulesets[applies % rulesets.length];
        // Every now and then as a program that has just been started.
        if (applies % 5 === 0) applier.forget();
        if (ruleset) await applier.apply(ruleset);
      }
      return applies;
    };
    const [applies] = await Promise.all([applying(), edit().finally(() => (editing = false))]);
    expect(applies).toBeGreaterThan(5);
    expect(foreign(await firewall.save())).toEqual(lines(await alone.save()));
    const last = rulesets[(applies - 1) % rulesets.length];
    expect(last && (await firewall.difference(last))).toEqual([]);
  });
});

/** Where the other program has its rules. */
const EDITED = [
  ['nat', 'PREROUTING'],
  ['nat', 'OUTPUT'],
  ['nat', 'POSTROUTING'],
  ['nat', 'KUBE-SVC-MINE'],
  ['filter', 'INPUT'],
  ['filter', 'FORWARD'],
  ['filter', 'OUTPUT'],
  ['filter', 'KUBE-ROUTER-INPUT'],
  ['mangle', 'FORWARD'],
] as const;

/** Rules that are put first or last in some chain, and taken out again later, for iptables-restore one by one. */
function* edits(count: number): Generator<string> {
  const placed: { table: string; chain: string; rule: string }[] = [];
  // Any sequence will do, as long as it is always the same: the generator of Park and Miller.
  let state = 20240229;
  const upTo = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  for (let i = 0; i < count; i++) {
    const [table, chain] = EDITED[upTo(EDITED.length)] ?? EDITED[0];
    const gone = placed.length > 5 && upTo(3) === 0 ? placed.splice(upTo(placed.length), 1)[0] : undefined;
    if (gone) {
      yield `*${gone.table}\n-D ${gone.chain} ${gone.rule}\nCOMMIT\n`;
      continue;
    }
    const rule = `-p tcp -m tcp --dport ${1000 + i} -j RETURN`;
    placed.push({ table, chain, rule });
    yield `*${table}\n-${upTo(2) === 0 ? 'I' : 'A'} ${chain} ${rule}\nCOMMIT\n`;
  }
}

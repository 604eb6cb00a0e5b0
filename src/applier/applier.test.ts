import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterHistory, loadHistory } from '../../test/support/arbitrary/cluster-history.ts';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { inputOf, service, slice } from '../../test/support/rules.ts';
import { compile } from '../compiler/compile.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import { CommandError } from '../errors/command-error.ts';
import type { Ruleset, TableName } from '../iptables/types.ts';
import { FAMILIES } from '../net/address.ts';
import { Applier } from './applier.ts';
import { currentTables } from './current.ts';
import { isUnchanged, planChanges } from './plan.ts';
import { type Backend, iptablesPrograms } from './programs.ts';
import { RestoreError, refusal } from './restore.ts';

function applierOf(kernel: FakeKernel): Applier {
  return new Applier(iptablesPrograms(kernel.family, kernel.backend), kernel);
}

function rulesetOf(...objects: Manifest[]): Ruleset {
  const { cluster, node, options } = inputOf({ objects });
  return compile(cluster, node, options('ipv4'));
}

function holds(kernel: FakeKernel, wanted: Ruleset): boolean {
  return planChanges(currentTables(kernel.saved(), kernel.family), wanted).every(isUnchanged);
}

const BEFORE = rulesetOf(service(), slice(['10.0.0.1']));
const AFTER = rulesetOf(service(), slice(['10.0.0.1', '10.0.0.2']));

/** Rules with node ports on loopback, which has a chain of its own closed to the network, and rules without. */
const LOCALHOST = (() => {
  const { cluster, node, options } = inputOf({
    objects: [service()],
    host: { interfaceAddresses: ['192.168.0.2/24'] },
  });
  const rules = (localhostNodePorts: boolean) =>
    compile(cluster, node, { ...options('ipv4'), localhostNodePorts });
  return { closed: rules(false), open: rules(true) };
})();

/** The chains of AFTER that are not those of BEFORE. */
const CHANGES = {
  nat: {
    changed: (AFTER.tables.find(({ name }) => name === 'nat')?.chains ?? []).filter(({ name }) =>
      /^KUBE-S(?:VC|EP)-/.test(name),
    ),
    removed: [],
  },
};

const inNat = (...chains: readonly string[]) => new Map([['nat' as const, new Set(chains)]]);

const SERVICE_CHAIN = CHANGES.nat.changed.find(({ name }) => name.startsWith('KUBE-SVC-'))?.name ?? '';

describe('apply', () => {
  test('reads once, and from then on knows what is there', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const result = await applier.apply(AFTER);
    expect(result).toMatchObject({
      family: 'ipv4',
      tables: [
        { table: 'mangle', added: [], changed: [], removed: [] },
        {
          table: 'nat',
          added: [expect.stringMatching(/^KUBE-SEP-/)],
          changed: [expect.stringMatching(/^KUBE-SVC-/)],
        },
        { table: 'filter', added: [], changed: [], removed: [], jumpsAdded: 0, jumpsRemoved: 0 },
      ],
    });
    expect(kernel.inputs).toEqual([expect.any(String), String(result.input)]);
    expect(kernel.reads).toBe(1);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test('writes nothing where nothing is to be done', async () => {
    const kernel = new FakeKernel('ipv4');
    await applierOf(kernel).apply(BEFORE);
    expect((await applierOf(kernel).apply(BEFORE)).input.isEmpty).toBe(true);
    expect(kernel.inputs).toHaveLength(1);
  });

  test('looks again when it is told to forget', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    kernel.tryRestore('*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n');
    expect((await applier.apply(BEFORE)).input.isEmpty).toBe(true);
    applier.forget();
    expect((await applier.apply(BEFORE)).input.isEmpty).toBe(false);
    expect(holds(kernel, BEFORE)).toBe(true);
  });

  test.each<[string, string, ReadonlyMap<TableName, ReadonlySet<string>>]>([
    ['a rule in front', '*nat\n-I KUBE-SERVICES -j ACCEPT\nCOMMIT\n', inNat('KUBE-SERVICES')],
    ['a rule gone', '*filter\n-D KUBE-FORWARD 1\nCOMMIT\n', new Map([['filter', new Set(['KUBE-FORWARD'])]])],
    ['a chain empty', `*nat\n:${SERVICE_CHAIN} - [0:0]\nCOMMIT\n`, inNat(SERVICE_CHAIN)],
    [
      'a canary gone',
      '*mangle\n-X KUBE-PROXY-CANARY\nCOMMIT\n',
      new Map([['mangle', new Set(['KUBE-PROXY-CANARY'])]]),
    ],
    ['a built-in chain flushed', '*nat\n-F PREROUTING\nCOMMIT\n', inNat('PREROUTING')],
    [
      'a jump gone',
      '*nat\n-D POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING\nCOMMIT\n',
      inNat('POSTROUTING'),
    ],
  ])('looks at the chains that somebody changed, and mends them: %s', async (_, input, chains) => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const sound = kernel.save();
    expect(kernel.tryRestore(input)).toBeUndefined();
    await applier.look(chains);
    const result = await applier.apply(BEFORE);
    expect(kernel.save().split('\n').sort()).toEqual(sound.split('\n').sort());
    expect(result.differences().map(({ chain }) => chain)).toEqual(
      [...chains.values()].flatMap((names) => [...names]),
    );
    expect(kernel.reads).toBe(1);
    await applier.applyChanges(CHANGES, () => AFTER);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test.each([
    ['only some chains', true],
    ['everything', false],
  ])(
    'a jump that somebody moves behind a rule that decides goes back to the front, looking at %s',
    async (_, some) => {
      const kernel = new FakeKernel('ipv4');
      const applier = applierOf(kernel);
      const jump = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES';
      const [ours, theirs] = [`-A PREROUTING ${jump}`, '-A PREROUTING -s 192.0.2.1/32 -j RETURN'];
      const order = () =>
        kernel
          .save()
          .split('\n')
          .flatMap((line) => / (-A PREROUTING .*)/.exec(line)?.[1] ?? []);
      kernel.tryRestore(`*nat\n${theirs}\nCOMMIT\n`);
      await applier.apply(BEFORE);
      expect(order()).toEqual([ours, theirs]);
      for (let time = 0; time < 2; time++) {
        expect(
          kernel.tryRestore(`*nat\n-D PREROUTING ${jump}\n-A PREROUTING ${jump}\nCOMMIT\n`),
        ).toBeUndefined();
        if (some) await applier.look(inNat('PREROUTING'));
        else applier.forget();
        const { tables } = await applier.apply(BEFORE);
        expect(tables.find(({ table }) => table === 'nat')?.jumpsMoved).toBe(1);
        expect(order()).toEqual([ours, theirs]);
      }
    },
  );

  test('a jump that is there more than once is there once afterwards, in front', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    const jump = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES';
    const [ours, theirs] = [`-A PREROUTING ${jump}`, '-A PREROUTING -s 192.0.2.1/32 -j RETURN'];
    await applier.apply(BEFORE);
    const sound = kernel.save().split('\n').sort();
    kernel.tryRestore(`*nat\n${theirs}\n${ours}\n${ours}\nCOMMIT\n`);
    await applier.look(inNat('PREROUTING'));
    const result = await applier.apply(BEFORE);
    expect(result.differences()).toEqual([
      { table: 'nat', chain: 'PREROUTING', current: [`${ours} # 3 times`], wanted: [ours] },
    ]);
    expect(kernel.save().split('\n').sort()).toEqual([...sound, `[0:0] ${theirs}`].sort());
    expect(kernel.save().indexOf(ours)).toBeLessThan(kernel.save().indexOf(theirs));
    expect((await applier.apply(BEFORE)).input.isEmpty).toBe(true);
  });

  test.each([
    ['a rule that decides', '-s 192.0.2.1/32 -j DROP'],
    ['a jump to their own chain', '-j THEIRS'],
  ])('%s that its owner puts in front of ours stays there', async (_, rule) => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    expect(kernel.tryRestore(`*nat\n:THEIRS - [0:0]\n-I PREROUTING ${rule}\nCOMMIT\n`)).toBeUndefined();
    await applier.look(inNat('PREROUTING'));
    expect((await applier.apply(BEFORE)).input.isEmpty).toBe(true);
  });

  describe('a table of very many chains that somebody has flushed', () => {
    const services = Array.from({ length: 150 }, (_, i) => `web-${i}`);
    const wanted = rulesetOf(
      ...services.flatMap((name, i) => [
        service({ clusterIP: `10.96.1.${i}` }, { metadata: { name, namespace: 'shop' } }),
        slice([`10.0.1.${i}`], {
          metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
        }),
      ]),
    );
    const used = wanted.tables
      .flatMap(({ chains }) => chains)
      .find(({ name }) => name.startsWith('KUBE-SVC-'));

    test.each<[Backend, boolean]>([
      ['nft', true],
      ['legacy', false],
    ])('%s makes them anew: %s', async (backend, anew) => {
      const kernel = new FakeKernel('ipv4', backend);
      const applier = applierOf(kernel);
      await applier.apply(wanted);
      const sound = kernel.save().split('\n').sort();
      const flushed = [...(kernel.saved().get('nat')?.keys() ?? [])].map((chain) => `-F ${chain}`);
      const lines = [...flushed, ':THEIRS - [0:0]', `-A THEIRS -j ${used?.name}`, '-A PREROUTING -j THEIRS'];
      expect(kernel.tryRestore(`*nat\n${lines.join('\n')}\nCOMMIT\n`)).toBeUndefined();
      applier.forget();
      const { input } = await applier.apply(wanted);
      const text = String(input);
      expect(kernel.save().split('\n').sort()).toEqual(
        [
          ...sound,
          ':THEIRS - [0:0]',
          '[0:0] -A PREROUTING -j THEIRS',
          `[0:0] -A THEIRS -j ${used?.name}`,
        ].sort(),
      );
      expect(/^-X KUBE-SEP-/m.test(text)).toBe(anew);
      // One that somebody uses cannot go.
      expect(text).not.toContain(`-X ${used?.name}`);
      expect((await applier.apply(wanted)).input.isEmpty).toBe(true);
    });
  });

  test('looks at everything where somebody changed very many chains', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    kernel.tryRestore('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    await applier.look(inNat(...Array.from({ length: 41 }, (_, i) => `KUBE-SVC-${i}`)));
    await applier.apply(BEFORE);
    expect(kernel.reads).toBe(2);
    expect(holds(kernel, BEFORE)).toBe(true);
  });

  test('plan writes nothing', async () => {
    const kernel = new FakeKernel('ipv4');
    const { input, tables } = await applierOf(kernel).plan(BEFORE);
    expect(String(input)).toContain(':KUBE-SERVICES - [0:0]');
    expect(tables.map(({ added }) => added.length)).toEqual([1, expect.any(Number), expect.any(Number)]);
    expect(kernel.save()).toBe('');
  });
});

/** How often it tries, and how: with an edit of what is there, or everything anew. */
describe('what fails is tried again', () => {
  const isRewrite = (input: string) => input.includes(':KUBE-SERVICES - [0:0]');

  test.each<[string, number, boolean[], number]>([
    ['at once', 0, [false], 0],
    ['on a fresh reading', 1, [false, false], 1],
    ['as a rewrite of everything', 2, [false, false, true], 2],
  ])('apply: %s', async (_, failures, rewrites, reads) => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const [before, had] = [kernel.inputs.length, kernel.reads];
    kernel.failNext(failures);
    await applier.apply(AFTER);
    expect(kernel.inputs.slice(before).map(isRewrite)).toEqual(rewrites);
    expect(kernel.reads - had).toBe(reads);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test.each<[string, number, boolean[], number]>([
    ['at once', 0, [false], 0],
    ['on a fresh reading', 1, [false, false], 1],
    ['on another', 2, [false, false, false], 2],
    ['as a rewrite of everything', 3, [false, false, false, true], 3],
  ])('applyChanges: %s', async (_, failures, rewrites, reads) => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const [before, had] = [kernel.inputs.length, kernel.reads];
    kernel.failNext(failures);
    await applier.applyChanges(CHANGES, () => AFTER);
    expect(kernel.inputs.slice(before).map(isRewrite)).toEqual(rewrites);
    expect(kernel.reads - had).toBe(reads);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test('three times, and no more; then it begins anew', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    kernel.failNext(3);
    await expect(applier.apply(BEFORE)).rejects.toBeInstanceOf(RestoreError);
    expect(kernel.inputs).toHaveLength(3);
    await applier.apply(BEFORE);
    expect(holds(kernel, BEFORE)).toBe(true);
  });

  test('not where iptables-restore did not come to an end; the next time begins with a reading', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const working = kernel.restore.bind(kernel);
    let calls = 0;
    kernel.restore = async () => {
      calls++;
      throw refusal(new CommandError(['iptables-restore'], { stoppedAfter: 120 }), '', undefined);
    };
    await expect(applier.applyChanges(CHANGES, () => AFTER)).rejects.toThrow('did not end within 120 s');
    await expect(applier.apply(AFTER)).rejects.toThrow('did not end within 120 s');
    expect(calls).toBe(2);
    kernel.restore = working;
    const reads = kernel.reads;
    await applier.apply(AFTER);
    expect(kernel.reads).toBe(reads + 1);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test('another error is not', async () => {
    const kernel = new FakeKernel('ipv4');
    kernel.restore = () => Promise.reject(new TypeError('a bug'));
    await expect(applierOf(kernel).apply(BEFORE)).rejects.toBeInstanceOf(TypeError);
    expect(kernel.reads).toBe(1);
  });

  test('when somebody has changed our chains behind our back', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(AFTER);
    kernel.tryRestore('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    const gone = kernel
      .saved()
      .get('nat')
      ?.keys()
      .find((name) => name.startsWith('KUBE-SVC-'));
    kernel.tryRestore(`*nat\n-F ${gone}\n-X ${gone}\nCOMMIT\n`);
    await applier.apply(BEFORE);
    expect(kernel.reads).toBe(2);
    expect(holds(kernel, BEFORE)).toBe(true);
  });
});

describe('cleanup', () => {
  test('takes out KUBE-FIREWALL without rules, as well', async () => {
    const kernel = new FakeKernel('ipv6');
    expect(
      kernel.tryRestore('*filter\n:KUBE-FIREWALL - [0:0]\n-I INPUT -j KUBE-FIREWALL\nCOMMIT\n'),
    ).toBeUndefined();
    await applierOf(kernel).cleanup();
    expect(kernel.save()).not.toContain('KUBE-');
  });

  test('takes all of it out, and forgets what it knew', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const { tables } = await applier.cleanup();
    expect(tables.reduce((sum, { jumpsRemoved }) => sum + jumpsRemoved, 0)).toBe(14);
    expect(kernel.save()).not.toContain('KUBE-');
    expect((await applier.cleanup()).input.isEmpty).toBe(true);
    await applier.apply(BEFORE);
    expect(holds(kernel, BEFORE)).toBe(true);
  });
});

test.each<[Backend, number]>([
  ['nft', 1],
  ['legacy', 0],
])(
  'cleanup on iptables-%s: what fails after a glance is tried again on a reading',
  async (backend, failures) => {
    const kernel = new FakeKernel('ipv4', backend);
    await applierOf(kernel).apply(BEFORE);
    kernel.failNext(failures);
    await applierOf(kernel).cleanup();
    expect(kernel.reads).toBe(2);
    expect(kernel.save()).not.toContain('KUBE-');
  },
);

test('a cleanup that fails after a reading, too, says so', async () => {
  const kernel = new FakeKernel('ipv4');
  await applierOf(kernel).apply(BEFORE);
  kernel.failNext(2);
  await expect(applierOf(kernel).cleanup()).rejects.toBeInstanceOf(RestoreError);
});

describe('applyChanges', () => {
  test('the first time it must look', async () => {
    const kernel = new FakeKernel('ipv4');
    await applierOf(kernel).applyChanges(CHANGES, () => AFTER);
    expect(kernel.reads).toBe(1);
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test('the whole ruleset is not asked for', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(BEFORE);
    const { input } = await applier.applyChanges(CHANGES, () => expect.fail('asked for'));
    expect(String(input).match(/^[:-].*/gm)).toHaveLength(6);
    expect(await applier.applyChanges({}, () => expect.fail('asked for'))).toMatchObject({
      input: { isEmpty: true },
    });
    expect(holds(kernel, AFTER)).toBe(true);
  });

  test('a chain that jumps lead to comes, or goes: the jumps, too', async () => {
    const { closed, open } = LOCALHOST;
    const chain = open.tables.flatMap(({ chains }) => chains).find(({ name }) => name === 'KUBE-FIREWALL');
    const kernel = new FakeKernel('ipv4');
    const applier = applierOf(kernel);
    await applier.apply(closed);
    await applier.applyChanges({ filter: { changed: chain ? [chain] : [], removed: [] } }, () => open);
    expect(holds(kernel, open)).toBe(true);
    await applier.applyChanges({ filter: { changed: [], removed: ['KUBE-FIREWALL'] } }, () => closed);
    expect(holds(kernel, closed)).toBe(true);
  });

  test('KUBE-FIREWALL without rules stays with the jumps to it, as kube-proxy keeps it, and is used when it is wanted', async () => {
    const { closed, open } = LOCALHOST;
    const kernel = new FakeKernel('ipv4');
    await applierOf(kernel).apply(closed);
    const kubeProxys = [':KUBE-FIREWALL - [0:0]', '-I INPUT -j KUBE-FIREWALL', '-I OUTPUT -j KUBE-FIREWALL'];
    expect(kernel.tryRestore(['*filter', ...kubeProxys, 'COMMIT\n'].join('\n'))).toBeUndefined();
    const jumps = () => kernel.save().match(/ -A \w+ -j KUBE-FIREWALL$/gm);

    const applier = applierOf(kernel);
    expect((await applier.apply(closed)).input.isEmpty).toBe(true);
    await applier.look(new Map([['filter', new Set(['INPUT', 'OUTPUT', 'KUBE-FIREWALL'])]]));
    expect((await applier.apply(closed)).input.isEmpty).toBe(true);
    await applier.apply(open);
    expect(holds(kernel, open)).toBe(true);
    expect(jumps()).toHaveLength(2);
    await applier.apply(closed);
    expect(jumps()).toBeNull();
  });

  test('of KUBE-FIREWALL without rules, a jump that is missing comes when there is a rule in it', async () => {
    const { closed, open } = LOCALHOST;
    const chain = open.tables.flatMap(({ chains }) => chains).find(({ name }) => name === 'KUBE-FIREWALL');
    const kernel = new FakeKernel('ipv4');
    expect(
      kernel.tryRestore('*filter\n:KUBE-FIREWALL - [0:0]\n-I INPUT -j KUBE-FIREWALL\nCOMMIT\n'),
    ).toBeUndefined();
    const applier = applierOf(kernel);
    await applier.apply(closed);
    await applier.applyChanges({ filter: { changed: chain ? [chain] : [], removed: [] } }, () => open);
    expect(kernel.save().match(/ -A \w+ -j KUBE-FIREWALL$/gm)).toHaveLength(2);
    expect(holds(kernel, open)).toBe(true);
  });

  test('over any history, with failures: the same as applying each ruleset', async () => {
    const backends = fc.constantFrom<Backend>('nft', 'legacy');
    await fc.assert(
      fc.asyncProperty(
        clusterHistory,
        fc.constantFrom(...FAMILIES),
        backends,
        fc.array(fc.nat(3), { maxLength: 9 }),
        async (history, family, backend, failures) => {
          const kernel = new FakeKernel(family, backend);
          const applier = applierOf(kernel);
          const states = loadHistory(history.map((raw) => ({ ...raw, services: raw.services.slice(0, 8) })));
          const [{ node, options } = inputOf({})] = states;
          const compiler = new IncrementalCompiler(node, options(family));
          for (const [i, { cluster }] of states.entries()) {
            const changes = compiler.update(cluster);
            kernel.failNext(failures[i] === 3 ? 1 : 0);
            await applier.applyChanges(changes, () => compiler.ruleset());
            expect(holds(kernel, compiler.ruleset()), `state ${i}`).toBe(true);
          }
          // Whoever looks only now finds nothing to do.
          expect((await applierOf(kernel).apply(compiler.ruleset())).input.isEmpty).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  }, 300_000);
});

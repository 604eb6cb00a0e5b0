import { describe, expect, test } from 'vitest';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { inputOf, service, slice } from '../../test/support/rules.ts';
import { compile } from '../compiler/compile.ts';
import { Applier } from './applier.ts';
import { iptablesPrograms } from './programs.ts';

const { cluster, node, options } = inputOf({ objects: [service(), slice(['10.0.0.1', '10.0.0.2'])] });
const WANTED = compile(cluster, node, options('ipv4'));
const NAMES = WANTED.tables.flatMap(({ name: table, chains }) =>
  chains.filter(({ rules }) => rules.length > 0).map((chain) => [table, chain.name] as const),
);

/** Of the nat table, all but the mark. */
const FLUSHED = NAMES.flatMap(([table, chain]) =>
  table === 'nat' && chain !== 'KUBE-MARK-MASQ' ? [`-F ${chain}`] : [],
).join('\n');

/** The kernel once somebody has changed it and it was mended, and what that took. */
async function mended(change: string): Promise<{ kernel: FakeKernel; sound: string[]; input: string }> {
  const kernel = new FakeKernel('ipv4');
  await new Applier(iptablesPrograms('ipv4', 'nft'), kernel).apply(WANTED);
  const sound = sorted(kernel);
  expect(kernel.tryRestore(change)).toBeUndefined();
  const applier = new Applier(iptablesPrograms('ipv4', 'nft'), kernel);
  const { input } = await applier.apply(WANTED);
  return { kernel, sound, input: String(input) };
}

const sorted = (kernel: FakeKernel) => kernel.save().split('\n').sort();

describe('a chain that somebody has renamed', () => {
  test.each(NAMES)('%s %s gets its name back, and nothing else is written', async (table, chain) => {
    const { kernel, sound, input } = await mended(`*${table}\n-E ${chain} THEIRS\nCOMMIT\n`);
    expect(sorted(kernel)).toEqual(sound);
    expect(input).toBe(`*${table}\n-E THEIRS ${chain}\nCOMMIT\n`);
  });

  test('is told by the name that it had', async () => {
    const kernel = new FakeKernel('ipv4');
    const applier = new Applier(iptablesPrograms('ipv4', 'nft'), kernel);
    await applier.apply(WANTED);
    kernel.tryRestore('*nat\n-E KUBE-MARK-MASQ THEIRS\nCOMMIT\n');
    applier.forget();
    const result = await applier.apply(WANTED);
    expect(result.differences()).toEqual([
      { table: 'nat', chain: 'KUBE-MARK-MASQ', current: [':THEIRS # renamed'], wanted: [':KUBE-MARK-MASQ'] },
    ]);
    expect(result.tables.find(({ table }) => table === 'nat')?.changed).toEqual(['KUBE-MARK-MASQ']);
    expect((await applier.apply(WANTED)).input.isEmpty).toBe(true);
  });

  test.each([
    ['others lead to it as well', '-E KUBE-MARK-MASQ THEIRS\n-A POSTROUTING -j THEIRS'],
    ['it has other rules now', '-E KUBE-MARK-MASQ THEIRS\n-A THEIRS -j ACCEPT'],
    ['nothing leads to it', `-E KUBE-MARK-MASQ THEIRS\n${FLUSHED}`],
    ['theirs looks the same, and ours is there', ':THEIRS - [0:0]\n-A THEIRS -j MARK --or-mark 0x4000'],
  ])('stays where %s', async (_, change) => {
    const { kernel, sound, input } = await mended(`*nat\n${change}\nCOMMIT\n`);
    expect(input).not.toContain('-E ');
    expect(kernel.saved().get('nat')?.has('THEIRS')).toBe(true);
    expect(sorted(kernel)).toEqual(expect.arrayContaining(sound));
  });
});

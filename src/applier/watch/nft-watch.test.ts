import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { chainTold, generation, message, newRule } from '../../../test/support/nft-messages.ts';
import { type Doubt, EVERYTHING, joinDoubts, type WriteSize } from './kernel-watch.ts';
import type { NftChange } from './nft-events.ts';
import { doubtOf, NftWatch, type WatchSocket } from './nft-watch.ts';

const change = (table: string, chain: string | undefined, more: Partial<NftChange> = {}): NftChange => ({
  kind: 'change',
  family: 'ipv4',
  table,
  chain,
  what: 'chain',
  handle: undefined,
  altered: false,
  deleted: false,
  port: 1,
  ...more,
});

const BY = 'nft (PID 7)';
const inNat = (...chains: readonly string[]): Doubt => ({
  chains: new Map([['nat' as const, new Set(chains)]]),
  by: [BY],
});

describe('doubtOf', () => {
  test.each<[string, readonly NftChange[], ReturnType<typeof doubtOf>]>([
    ['nothing', [], undefined],
    [
      'a chain of ours',
      [change('nat', 'KUBE-SERVICES')],
      { chains: new Map([['nat', new Set(['KUBE-SERVICES'])]]), by: [BY] },
    ],
    ['a chain of theirs', [change('nat', 'DOCKER')], undefined],
    ['our name in a table of theirs', [change('raw', 'KUBE-SERVICES')], undefined],
    [
      'a built-in chain with jumps of ours',
      [change('filter', 'FORWARD')],
      { chains: new Map([['filter', new Set(['FORWARD'])]]), by: [BY] },
    ],
    ['a built-in chain without', [change('nat', 'INPUT')], undefined],
    ['the policy of a built-in chain without', [change('nat', 'INPUT', { altered: true })], undefined],
    ['a table gone', [change('nat', undefined, { deleted: true })], { chains: undefined, by: [BY] }],
    ['a table that is there already', [change('nat', undefined)], undefined],
    [
      'a chain that may have been ours',
      [change('nat', 'ELSE', { altered: true })],
      { chains: undefined, by: [BY] },
    ],
  ])('%s', (_, changes, doubt) => {
    expect(doubtOf(changes, BY)).toEqual(doubt);
  });
});

describe('joinDoubts', () => {
  test.each<[string, Doubt | undefined, Doubt | undefined, Doubt | undefined]>([
    ['nothing and nothing', undefined, undefined, undefined],
    ['something and nothing', inNat('A'), undefined, inNat('A')],
    ['chains of one table', inNat('A', 'B'), inNat('B', 'C'), inNat('A', 'B', 'C')],
    ['something and everything', inNat('A'), EVERYTHING, { chains: undefined, by: [BY] }],
  ])('%s', (_, a, b, joined) => {
    expect(joinDoubts(a, b)).toEqual(joined);
    expect(joinDoubts(b, a)).toEqual(joined);
  });
});

/** The kernel's side of the sockets: what it tells who listens, and its generation. */
class FakeNftables {
  #generation = 1;
  #listened = false;
  #told: Buffer[] = [];
  #answers: Buffer[] = [];
  #lost = false;

  /** One transaction of a process; what it changes is told to who listens. */
  commit(port: number, ...changes: readonly Buffer[]): void {
    this.#generation++;
    if (this.#listened) this.#told.push(...changes, generation(this.#generation, port));
  }

  /** More is told than there is room for. */
  lose(): void {
    this.#lost = true;
  }

  watch(): NftWatch {
    const base = { listen: () => {}, reserve: () => {}, send: () => {}, close: () => {} };
    const events: WatchSocket = {
      ...base,
      listen: (_, wanted) => {
        this.#listened = wanted;
      },
      receive: (each) => {
        for (const datagram of this.#told.splice(0)) each(datagram);
        const complete = !this.#lost;
        this.#lost = false;
        return complete;
      },
    };
    const questions: WatchSocket = {
      ...base,
      send: () => {
        this.#answers.push(generation(this.#generation, 0));
      },
      receive: (each) => {
        for (const answer of this.#answers.splice(0)) each(answer);
        return true;
      },
    };
    return new NftWatch(events, questions);
  }
}

const SMALL = { lineCount: 3, transactionCount: 1 };
const LARGE = { lineCount: 100_000, transactionCount: 2 };
const OURS = 100;
const THEIRS = 200;

describe('NftWatch', () => {
  test('what others change is in doubt once, in their family, with who did it', () => {
    const kernel = new FakeNftables();
    const watch = kernel.watch();
    kernel.commit(THEIRS, newRule('KUBE-SERVICES', THEIRS));
    expect(watch.of('ipv6').doubt()).toBeUndefined();
    expect(watch.of('ipv4').doubt()).toEqual({
      chains: new Map([['nat', new Set(['KUBE-SERVICES'])]]),
      by: ['nft (PID 200)'],
    });
    expect(watch.of('ipv4').doubt()).toBeUndefined();
  });

  test('what we write is not, and what others write meanwhile is', async () => {
    const kernel = new FakeNftables();
    const ipv4 = kernel.watch().of('ipv4');
    await ipv4.ownWrite(SMALL, async (started) => {
      started(OURS);
      kernel.commit(THEIRS, newRule('KUBE-NODEPORTS', THEIRS));
      kernel.commit(OURS, newRule('KUBE-SERVICES', OURS));
    });
    expect(ipv4.doubt()?.chains).toEqual(new Map([['nat', new Set(['KUBE-NODEPORTS'])]]));
  });

  test('the number of a process of ours may be another one next', async () => {
    const kernel = new FakeNftables();
    const ipv4 = kernel.watch().of('ipv4');
    await ipv4.ownWrite(SMALL, async (started) => {
      started(OURS);
      kernel.commit(OURS, newRule('KUBE-SERVICES', OURS));
    });
    kernel.commit(OURS, newRule('KUBE-SERVICES', OURS));
    expect(ipv4.doubt()).toBeDefined();
  });

  describe('a chain that is declared, which may be one of ours with another name', () => {
    type Step = readonly [port: number, handle: number, name: string, isNew?: 'new' | 'gone'];
    const everything = { chains: undefined, by: ['nft (PID 200)'] };
    test.each<[string, readonly Step[], Doubt | undefined]>([
      ['not seen before', [[THEIRS, 1, 'CNI']], everything],
      [
        'once more',
        [
          [THEIRS, 1, 'CNI'],
          [THEIRS, 1, 'CNI'],
        ],
        undefined,
      ],
      [
        'seen when it came',
        [
          [THEIRS, 1, 'CNI', 'new'],
          [THEIRS, 1, 'CNI'],
        ],
        undefined,
      ],
      [
        'another one of that name',
        [
          [THEIRS, 1, 'CNI'],
          [THEIRS, 1, 'CNI', 'gone'],
          [THEIRS, 2, 'CNI'],
        ],
        everything,
      ],
      [
        'newer than a rule that came',
        [
          [THEIRS, 1, 'rule'],
          [THEIRS, 2, 'CNI'],
        ],
        undefined,
      ],
      [
        'older than a rule that came',
        [
          [THEIRS, 2, 'rule'],
          [THEIRS, 1, 'CNI'],
        ],
        everything,
      ],
      [
        'older than a new one',
        [
          [THEIRS, 1, 'rule'],
          [THEIRS, 3, 'CNI'],
          [THEIRS, 2, 'ELSE'],
        ],
        everything,
      ],
      [
        'another name',
        [
          [THEIRS, 1, 'CNI'],
          [THEIRS, 1, 'ELSE'],
        ],
        everything,
      ],
      [
        'a chain of ours that we named back meanwhile',
        [
          [THEIRS, 1, 'ELSE'],
          [OURS, 1, 'KUBE-SVC-AAAAAAAAAAAAAAAA'],
          [THEIRS, 1, 'ELSE'],
        ],
        everything,
      ],
    ])('%s', async (_, steps, doubt) => {
      const kernel = new FakeNftables();
      const ipv4 = kernel.watch().of('ipv4');
      for (const [port, handle, name, isNew] of steps) {
        ipv4.doubt();
        const told =
          name === 'rule' ? newRule('CNI', port, 2, handle) : chainTold({ handle, name, port, isNew });
        const commit = () => kernel.commit(port, told);
        if (port !== OURS) commit();
        else
          await ipv4.ownWrite(SMALL, async (started) => {
            started(OURS);
            commit();
          });
      }
      expect(ipv4.doubt()).toEqual(doubt);
    });

    test('in a table that was deleted and made again, it may be', () => {
      const kernel = new FakeNftables();
      const ipv4 = kernel.watch().of('ipv4');
      const declare = () => kernel.commit(THEIRS, chainTold({ handle: 1, name: 'CNI', port: THEIRS }));
      declare();
      ipv4.doubt();
      kernel.commit(THEIRS, message(2, { port: THEIRS }, [[1, 'nat']]));
      ipv4.doubt();
      declare();
      expect(ipv4.doubt()).toEqual(everything);
    });

    test('after a large write of ours, which is not listened to, it may be', async () => {
      const kernel = new FakeNftables();
      const ipv4 = kernel.watch().of('ipv4');
      const declare = () => kernel.commit(THEIRS, chainTold({ handle: 1, name: 'CNI', port: THEIRS }));
      declare();
      ipv4.doubt();
      await ipv4.ownWrite(LARGE, async () => {
        for (let i = 0; i < LARGE.transactionCount; i++) kernel.commit(OURS);
      });
      expect(ipv4.doubt()).toBeUndefined();
      declare();
      expect(ipv4.doubt()).toEqual(everything);
    });
  });

  test('where something was lost, it can be anything', () => {
    const kernel = new FakeNftables();
    const watch = kernel.watch();
    kernel.lose();
    expect(watch.of('ipv4').doubt()).toEqual(EVERYTHING);
    expect(watch.of('ipv6').doubt()).toEqual(EVERYTHING);
  });

  test.each([
    ['nobody else wrote', 0, undefined],
    ['somebody else wrote, whatever it was', 1, EVERYTHING],
  ])('a large write is not listened to: %s', async (_, others, doubt) => {
    const kernel = new FakeNftables();
    const ipv4 = kernel.watch().of('ipv4');
    await ipv4.ownWrite(LARGE, async (started) => {
      started(OURS);
      for (let i = 0; i < LARGE.transactionCount; i++) kernel.commit(OURS);
      for (let i = 0; i < others; i++) kernel.commit(THEIRS);
    });
    expect(ipv4.doubt()).toEqual(doubt);
    kernel.commit(THEIRS, newRule('KUBE-SERVICES', THEIRS));
    expect(ipv4.doubt()?.by).toEqual(['nft (PID 200)']);
  });

  test('a large write that fails leaves everything in doubt', async () => {
    const kernel = new FakeNftables();
    const ipv4 = kernel.watch().of('ipv4');
    const failing = ipv4.ownWrite(LARGE, async () => {
      kernel.commit(OURS);
      throw new Error('refused');
    });
    await expect(failing).rejects.toThrow('refused');
    expect(ipv4.doubt()).toEqual(EVERYTHING);
  });

  test.each([0, 1, 2, 3, 4, 5])(
    'writes of both families at once, in whatever order they end: nothing is in doubt (%i)',
    async (order) => {
      const kernel = new FakeNftables();
      const watch = kernel.watch();
      const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
      const write = (size: WriteSize, gate: number) => async (started: (pid: number) => void) => {
        started(OURS + gate);
        for (let i = 0; i < size.transactionCount; i++)
          kernel.commit(OURS + gate, newRule('KUBE-SERVICES', OURS + gate));
        await gates[gate]?.promise;
      };
      const writes = [
        watch.of('ipv6').ownWrite(SMALL, write(SMALL, 0)),
        watch.of('ipv4').ownWrite(LARGE, write(LARGE, 1)),
        watch.of('ipv6').ownWrite(LARGE, write(LARGE, 2)),
      ];
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      for (const gate of orders[order] ?? []) {
        gates[gate]?.resolve();
        await setImmediate();
      }
      await Promise.all(writes);
      expect(watch.of('ipv4').doubt()).toBeUndefined();
      expect(watch.of('ipv6').doubt()).toBeUndefined();
    },
  );
});

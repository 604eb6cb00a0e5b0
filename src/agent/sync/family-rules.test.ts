/** What looks at the kernel for people, beside what writes to it. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FakeKernel } from '../../../test/support/fake-kernel.ts';
import { WHOLE_IPTABLES } from '../../../test/support/whole-iptables.ts';
import { clusterState } from '../../api/cluster.ts';
import { DEFAULT_CONFIGURATION } from '../../api/kube-proxy-configuration.ts';
import { serviceSchema } from '../../api/service.ts';
import { HostError } from '../../applier/host.ts';
import type { SavedTables } from '../../applier/kernel.ts';
import { iptablesPrograms } from '../../applier/programs.ts';
import { type Doubt, EVERYTHING, UNWATCHED } from '../../applier/watch/kernel-watch.ts';
import { compileOptions } from '../../compiler/options.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { completeFacts } from '../../sources/node.ts';
import { Log, SILENT } from '../log.ts';
import { BusyError, FamilyRules, type RulesInput } from './family-rules.ts';

const own = { legacyPortNames: undefined, layout: undefined };
const node = completeFacts([]);
const options = compileOptions('ipv4', DEFAULT_CONFIGURATION, node, own);

/** A cluster of so many Services. */
function input(services: number): RulesInput {
  const objects = Array.from({ length: services }, (_, i) =>
    serviceSchema.parse({
      metadata: { name: `s${i}`, namespace: 'default' },
      spec: { clusterIPs: [`10.96.0.${i + 1}`], ports: [{ port: 80 }] },
    }),
  );
  return { cluster: clusterState(objects, []), node, options };
}

const HOST = {
  ...iptablesPrograms('ipv4', 'nft'),
  ...WHOLE_IPTABLES,
};

/** A kernel whose readings for people take until the test lets them end, or until they are given up. */
async function scene() {
  const kernel = new FakeKernel('ipv4');
  const readings: { readonly end: () => void; givenUp: boolean }[] = [];
  const slowRead = async (givenUp?: AbortSignal): Promise<SavedTables> => {
    if (!givenUp) return await kernel.read();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const reading = { end: resolve, givenUp: false };
    readings.push(reading);
    givenUp.addEventListener('abort', () => {
      reading.givenUp = true;
      reject(new Error('given up'));
    });
    await promise;
    return await kernel.read();
  };
  const rules = new FamilyRules(
    HOST,
    {
      tables: {
        read: slowRead,
        list: (chains) => kernel.list(chains),
        glance: () => kernel.glance(),
        restore: (pieces, wanted) => kernel.restore(pieces, wanted),
      },
      watch: UNWATCHED,
      deleteStaleFlows: async () => 0,
      allowLocalnetRouting: async () => {},
    },
    { dryRun: false, log: SILENT },
  );
  const settle = async () => {
    for (let i = 0; i < 10; i++) await setImmediate();
  };
  return { rules, kernel, readings, settle };
}

/** So many UDP Services, each with an endpoint. */
function udp(services: number): RulesInput {
  const { cluster, ...rest } = input(services);
  const entries = [...cluster.services.values()].map(({ service }) => ({
    ...service,
    ports: service.ports.map((port) => ({ ...port, protocol: 'UDP' as const })),
  }));
  return { cluster: clusterState(entries, []), ...rest };
}

describe('stale flows', () => {
  /** What connection tracking was looked at for: the addresses of former destinations. */
  function follower(kernel = new FakeKernel('ipv4')) {
    const asked: (readonly (string | undefined)[])[] = [];
    const warnings: string[] = [];
    const failing: { with?: Error } = {};
    const rules = new FamilyRules(
      HOST,
      {
        tables: kernel,
        watch: UNWATCHED,
        deleteStaleFlows: async ({ former }) => {
          asked.push(former.map(({ address }) => address));
          if (failing.with) throw failing.with;
          return former.length;
        },
        allowLocalnetRouting: async () => {},
      },
      {
        dryRun: false,
        log: new Log({
          format: 'text',
          verbosity: 0,
          streams: {
            error: { write: () => {} },
            info: { write: (line: string) => warnings.push(line.replace(/^.*?\] /, '')) },
          },
        }),
      },
    );
    return { rules, kernel, asked, warnings, failing };
  }

  test('of a Service that is deleted, once', async () => {
    const { rules, asked } = follower();
    for (const services of [2, 2, 1, 1]) await rules.sync(udp(services));
    expect(asked.map((former) => former.join(' '))).toEqual(['', '10.96.0.2']);
  });

  test('of what the kernel had before there was an agent', async () => {
    const before = follower();
    await before.rules.sync(udp(3));
    const { rules, asked } = follower(before.kernel);
    await rules.sync(udp(1));
    expect(asked).toEqual([['10.96.0.2', '10.96.0.3']]);
  });

  test('also where rules are refused first, when some may have been written', async () => {
    const { rules, kernel, asked } = follower();
    await rules.sync(udp(2));
    kernel.failNext(4);
    await expect(rules.sync(udp(3))).rejects.toThrow('line 1 failed');
    await rules.sync(udp(1));
    expect(asked).toEqual([[], ['10.96.0.2', '10.96.0.3']]);
  });

  test('are due until they can be deleted, and the sync fails for as long', async () => {
    const { rules, asked, failing } = follower();
    await rules.sync(udp(2));
    failing.with = new OperationalError('conntrack failed');
    await expect(rules.sync(udp(1))).rejects.toThrow('conntrack failed');
    await expect(rules.sync(udp(1))).rejects.toThrow('conntrack failed');
    delete failing.with;
    await rules.sync(udp(1));
    await rules.sync(udp(1));
    expect(asked).toEqual([[], ['10.96.0.2'], ['10.96.0.2'], ['10.96.0.2']]);
  });

  test('stay without conntrack, which is said once, and are due when it comes', async () => {
    const { rules, asked, warnings, failing } = follower();
    failing.with = new HostError('conntrack is not installed');
    for (const services of [2, 1, 1]) await rules.sync(udp(services));
    expect(warnings).toEqual(['"conntrack is not installed" family="ipv4"\n']);
    delete failing.with;
    await rules.sync(udp(1));
    expect(asked.at(-1)).toEqual(['10.96.0.2']);
    failing.with = new HostError('conntrack is not installed');
    await rules.sync(udp(0));
    expect(warnings).toHaveLength(2);
  });
});

const NEVER = new AbortController().signal;

describe('drift', () => {
  test('before anything was compiled', async () => {
    const { rules } = await scene();
    expect(await rules.drift(NEVER)).toBeUndefined();
  });

  test('none, where the kernel has the compiled rules', async () => {
    const { rules, readings, settle } = await scene();
    await rules.sync(input(1));
    const drift = rules.drift(NEVER);
    await settle();
    readings[0]?.end();
    expect(await drift).toEqual([]);
  });

  test('a sync that comes while the kernel is read goes first, and the kernel is read anew', async () => {
    const { rules, readings, settle } = await scene();
    await rules.sync(input(1));
    const drift = rules.drift(NEVER);
    await settle();
    // Ends although nobody lets the reading end.
    await rules.sync(input(2));
    expect(readings[0]?.givenUp).toBe(true);
    await settle();
    readings[1]?.end();
    expect(await drift).toEqual([]);
    expect(readings).toHaveLength(2);
  });

  test('what others changed is mended first, and the kernel is read anew', async () => {
    const { rules, kernel, readings, settle } = await scene();
    await rules.sync(input(1));
    const drift = rules.drift(NEVER);
    await settle();
    kernel.tryRestore('*nat\n-I KUBE-SERVICES -j ACCEPT\nCOMMIT\n');
    const chains = new Map([['nat' as const, new Set(['KUBE-SERVICES'])]]);
    // Ends although nobody lets the reading end.
    expect(await rules.mend({ chains, by: ['nft (PID 7)'] })).toMatchObject({
      by: ['nft (PID 7)'],
      differences: [{ table: 'nat', chain: 'KUBE-SERVICES' }],
    });
    expect(readings[0]?.givenUp).toBe(true);
    await settle();
    readings[1]?.end();
    expect(await drift).toEqual([]);
    expect(rules.mended).toHaveLength(1);
  });

  test('where nothing differs, nothing was mended', async () => {
    const { rules } = await scene();
    await rules.sync(input(1));
    expect(await rules.mend(EVERYTHING)).toBeUndefined();
    expect(rules.mended).toEqual([]);
  });

  test('waits for the syncs that wait', async () => {
    const { rules, readings, settle } = await scene();
    const syncs = [rules.sync(input(1)), rules.sync(input(2))];
    const drift = rules.drift(NEVER);
    expect(readings).toEqual([]);
    await Promise.all(syncs);
    await settle();
    readings[0]?.end();
    expect(await drift).toEqual([]);
  });

  test('says so where syncs come again and again', async () => {
    const { rules, readings, settle } = await scene();
    await rules.sync(input(1));
    const drift = rules.drift(NEVER).catch((error: unknown) => error);
    for (let i = 2; i < 5; i++) {
      await settle();
      await rules.sync(input(i));
    }
    expect(await drift).toBeInstanceOf(BusyError);
    expect(readings).toHaveLength(3);
  });

  test('ends its reading where it is given up', async () => {
    const { rules, readings, settle } = await scene();
    await rules.sync(input(1));
    const givenUp = new AbortController();
    const drift = rules.drift(givenUp.signal);
    await settle();
    givenUp.abort();
    await expect(drift).rejects.toThrow('given up');
    expect(readings).toMatchObject([{ givenUp: true }]);
    // And nothing is left that waits.
    await rules.sync(input(2));
  });

  test('does not begin where it is given up before', async () => {
    const { rules, readings } = await scene();
    await rules.sync(input(1));
    await expect(rules.drift(AbortSignal.abort())).rejects.toThrow();
    expect(readings).toEqual([]);
  });
});

describe('the reading ahead of the first sync', () => {
  const CHANGED = '*nat\n-A KUBE-SERVICES -j ACCEPT\nCOMMIT\n';

  function reader() {
    const kernel = new FakeKernel('ipv4');
    const failing: { with?: Error } = {};
    const changed: { doubt?: Doubt } = {};
    const rules = new FamilyRules(
      HOST,
      {
        tables: {
          read: async () => {
            const saved = await kernel.read();
            if (failing.with) throw failing.with;
            return saved;
          },
          list: (chains) => kernel.list(chains),
          glance: () => kernel.glance(),
          restore: (pieces, wanted) => kernel.restore(pieces, wanted),
        },
        watch: {
          doubt: () => {
            const { doubt } = changed;
            delete changed.doubt;
            return doubt;
          },
          ownWrite: (_, write) => write(() => {}),
        },
        deleteStaleFlows: async () => 0,
        allowLocalnetRouting: async () => {},
      },
      { dryRun: false, log: SILENT },
    );
    return { rules, kernel, failing, changed };
  }

  test('is the only one', async () => {
    const { rules, kernel } = reader();
    void rules.readAhead();
    await rules.sync(input(1));
    await rules.sync(input(2));
    expect(kernel.reads).toBe(1);
    expect((await rules.drift(NEVER))?.length).toBe(0);
  });

  test.each([
    ['before the sync', (): void => {}],
    ['before a check', (rules: FamilyRules): void => expect(rules.doubt()).toBeUndefined()],
  ])('is thrown away where others may have changed the kernel %s', async (_, check) => {
    const before = reader();
    await before.rules.sync(input(1));
    const { rules, kernel, changed } = reader();
    await kernel.restore([...before.kernel.inputs], undefined);
    void rules.readAhead();
    await kernel.restore([CHANGED], undefined);
    changed.doubt = EVERYTHING;
    check(rules);
    await rules.sync(input(1));
    expect(kernel.reads).toBe(2);
    expect(await rules.drift(NEVER)).toEqual([]);
  });

  test('is done once more where it failed, and what fails then is told', async () => {
    const { rules, failing } = reader();
    failing.with = new HostError('iptables-save: not permitted');
    void rules.readAhead();
    await expect(rules.sync(input(1))).rejects.toThrow('not permitted');
    delete failing.with;
    await rules.sync(input(1));
    expect(await rules.drift(NEVER)).toEqual([]);
  });

  test('is not done where nothing is written', async () => {
    const kernel = new FakeKernel('ipv4');
    const rules = new FamilyRules(
      HOST,
      {
        tables: kernel,
        watch: UNWATCHED,
        deleteStaleFlows: async () => 0,
        allowLocalnetRouting: async () => {},
      },
      { dryRun: true, log: SILENT },
    );
    void rules.readAhead();
    expect(kernel.reads).toBe(0);
  });
});

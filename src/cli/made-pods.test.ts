import { expect, test } from 'vitest';
import type { WorkloadKind } from '../api/workload.ts';
import type { MadePods } from '../sources/control-plane/from-workloads.ts';
import { madePodsInWords } from './made-pods.ts';

function made(pods: number, kinds: readonly [WorkloadKind, number][], ranges: readonly string[]): MadePods {
  const pod = {
    kind: 'Pod' as const,
    namespace: 'shop',
    name: 'web',
    labels: {},
    owner: undefined,
    nodeName: undefined,
    containerPorts: [],
    ips: [],
    finished: false,
    ready: true,
    terminating: false,
  };
  return {
    pods: Array.from({ length: pods }, () => pod),
    workloads: new Map(kinds),
    ranges,
    pending: new Map(),
  };
}

const USUAL = ['10.244.0.0/16', 'fd00:10:244::/56'];

test.each<[MadePods[], string | undefined]>([
  [[made(0, [], [])], undefined],
  [
    [made(1, [['Job', 1]], ['10.0.0.0/8'])],
    'made 1 Pod for 1 Job (10.0.0.0/8); --no-workloads leaves them out',
  ],
  [[made(6, [['Deployment', 2]], USUAL)], 'made 6 Pods for 2 Deployments (10.244.0.0/16); --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(6, [['Job', 2]], USUAL)], 'made 6 Pods for 2 Jobs (10.244.0.0/16, ...); --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(6, [['Job', 2]], ['10.0.0.0/8', 'fd00::/64'])], 'made 6 Pods for 2 Jobs (10.0.0.0/8, fd00::/64); --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(6, [['Job', 1], ['DaemonSet', 1]], ['10.0.0.0/8'])], 'made 6 Pods for 2 workloads (10.0.0.0/8); --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(6, [['StatefulSet', 1], ['Deployment', 2]], USUAL)], 'made 6 Pods for 3 workloads (10.244.0.0/16, ...); --no-workloads leaves them out'], // biome-ignore format: a row
  [
    [
      made(
        6,
        [
          ['Job', 1],
          ['CronJob', 1],
        ],
        [],
      ),
    ],
    'made 6 Pods for 1 CronJob and 1 Job; --no-workloads leaves them out',
  ],
  [[made(2, [['DaemonSet', 1]], [])], 'made 2 Pods for 1 DaemonSet; --no-workloads leaves them out'],
  [[made(150_000, [['ReplicationController', 1_000]], ['2001:db8:1234:5678:9abc::/80'])], 'made 150000 Pods for 1000 ReplicationControllers; --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(150_000, [['ReplicationController', 10_000]], ['2001:db8:1234:5678:9abc::/80'])], 'made 150000 Pods for 10000 workloads; --no-workloads leaves them out'], // biome-ignore format: a row
  [[made(1, [['Job', 1]], ['10.0.0.0/8']), made(2, [['Job', 2]], ['10.0.0.0/8'])], 'made 3 Pods for 3 Jobs (10.0.0.0/8); --no-workloads leaves them out'], // biome-ignore format: a row
])('%#', (made, expected) => {
  const words = madePodsInWords(made);
  expect(words).toBe(expected);
  expect(words?.length ?? 0).toBeLessThanOrEqual(80);
});

import { expect, test } from 'vitest';
import { podNames } from './pod-names.ts';

const pod = { name: 'web-1', nodeName: 'node-a', ips: ['10.244.1.5', 'fd00::5'], finished: false };
const other = { ...pod, name: 'web-2' };

test.each<[string, Parameters<typeof podNames>[0], string, string | undefined]>([
  ['by its address', [pod], '10.244.1.5', 'Pod web-1 on node-a'],
  ['by its other address', [pod], 'fd00::5', 'Pod web-1 on node-a'],
  ['on no node yet', [{ ...pod, nodeName: undefined }], '10.244.1.5', 'Pod web-1'],
  ['nobody', [pod], '10.244.1.6', undefined],
  ['not one of several', [pod, other, pod], '10.244.1.5', undefined],
  ['not one that has finished', [{ ...pod, finished: true }], '10.244.1.5', undefined],
  ['who has it now', [{ ...pod, finished: true }, other], '10.244.1.5', 'Pod web-2 on node-a'],
])('a Pod %s', (_, pods, address, expected) => {
  expect(podNames(pods)(address)).toBe(expected);
});

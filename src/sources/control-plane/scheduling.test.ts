import { describe, expect, test } from 'vitest';
import { nodeSchema } from '../../api/node.ts';
import { workloadSchemas } from '../../api/workload.ts';
import { takes } from './scheduling.ts';

type Fields = Readonly<Record<string, unknown>>;

const NODE = { metadata: { name: 'node-a', labels: { disk: 'ssd', cpus: '8' } } };
const GPU = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
const tainted = (...taints: Fields[]) => ({ ...NODE, spec: { taints } });
const of = (key: string, effect = 'NoSchedule') => ({ key: `node.kubernetes.io/${key}`, effect });
const required = (...terms: Fields[]) => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
  },
});
const label = (key: string, operator: string, ...values: string[]) =>
  required({ matchExpressions: [{ key, operator, values }] });

function takesPods(kind: 'Deployment' | 'DaemonSet', node: Fields, spec: Fields): boolean {
  const manifest = { metadata: { name: 'x' }, spec: { template: { spec: { containers: [], ...spec } } } };
  return takes(nodeSchema.parse(node), workloadSchemas[kind].schema.parse(manifest));
}

describe('labels', () => {
  test.each<[string, Fields, boolean]>([
    ['nothing asked for', {}, true],
    ['a label that it has', { nodeSelector: { disk: 'ssd' } }, true],
    ['a label with another value', { nodeSelector: { disk: 'hdd' } }, false],
    ['one of two labels', { nodeSelector: { disk: 'ssd', zone: 'a' } }, false],
    ['a label that only JavaScript would find', { nodeSelector: { constructor: 'x' } }, false],
    ['what each kubelet adds', { nodeSelector: { 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': 'node-a' } }, true], // biome-ignore format: a row
    ['another system', { nodeSelector: { 'kubernetes.io/os': 'windows' } }, false],
    ['its name', { nodeName: 'node-a' }, true],
    ['another name', { nodeName: 'node-b' }, false],
    ['In', label('disk', 'In', 'hdd', 'ssd'), true],
    ['In, of others', label('disk', 'In', 'hdd'), false],
    ['In, of what it has not', label('zone', 'In', 'a'), false],
    ['NotIn', label('disk', 'NotIn', 'hdd'), true],
    ['NotIn, of what it has', label('disk', 'NotIn', 'ssd'), false],
    ['NotIn, of what it has not', label('zone', 'NotIn', 'a'), true],
    ['Exists', label('disk', 'Exists'), true],
    ['Exists, of what it has not', label('zone', 'Exists'), false],
    ['DoesNotExist', label('zone', 'DoesNotExist'), true],
    ['DoesNotExist, of what it has', label('disk', 'DoesNotExist'), false],
    ['Gt', label('cpus', 'Gt', '4'), true],
    ['Gt, of as many', label('cpus', 'Gt', '8'), false],
    ['Lt', label('cpus', 'Lt', '16'), true],
    ['Lt, of what it has not', label('zone', 'Lt', '16'), false],
    ['a field', required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-a'] }] }), true], // biome-ignore format: a row
    ['one term of two', required({ matchExpressions: [{ key: 'no', operator: 'Exists' }] }, { matchExpressions: [{ key: 'disk', operator: 'Exists' }] }), true], // biome-ignore format: a row
    ['one expression of two', required({ matchExpressions: [{ key: 'no', operator: 'Exists' }, { key: 'disk', operator: 'Exists' }] }), false], // biome-ignore format: a row
    ['a term of nothing', required({}), false],
    ['no term', required(), false],
  ])('%s', (_, spec, expected) => {
    expect(takesPods('Deployment', NODE, spec)).toBe(expected);
  });
});

describe('taints', () => {
  const tolerations = (...tolerations: Fields[]) => ({ tolerations });
  test.each<[string, Fields, Fields, boolean, boolean]>([
    ['none', NODE, {}, true, true],
    ['one', tainted(GPU), {}, false, false],
    ['one that Pods are only asked to shun', tainted({ key: 'gpu', effect: 'PreferNoSchedule' }), {}, true, true], // biome-ignore format: a row
    ['one that is tolerated', tainted(GPU), tolerations({ key: 'gpu', value: 'yes' }), true, true],
    ['one of another value', tainted(GPU), tolerations({ key: 'gpu', value: 'no' }), false, false],
    ['whatever its value', tainted(GPU), tolerations({ key: 'gpu', operator: 'Exists' }), true, true],
    ['another effect', tainted(GPU), tolerations({ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }), false, false], // biome-ignore format: a row
    ['whatever it is', tainted(GPU, of('not-ready')), tolerations({ operator: 'Exists' }), true, true],
    ['one of two that is tolerated', tainted(GPU, { key: 'x', effect: 'NoExecute' }), tolerations({ key: 'gpu', value: 'yes' }), false, false], // biome-ignore format: a row
    ['nobody is let near', tainted(GPU), tolerations({ value: 'yes' }), false, false],
    ['cordoned', { ...NODE, spec: { unschedulable: true } }, {}, false, true],
    ['cordoned, and tainted for it', tainted(of('unschedulable')), {}, false, true],
    ['full', tainted(of('disk-pressure'), of('memory-pressure'), of('pid-pressure')), {}, false, true],
    ['away', tainted(of('not-ready', 'NoExecute'), of('unreachable', 'NoExecute')), {}, false, true],
    ['yet to start', tainted(of('not-ready')), {}, false, false],
    ['without a network', tainted(of('network-unavailable')), {}, false, false],
    ['without a network, which is not needed', tainted(of('network-unavailable')), { hostNetwork: true }, false, true], // biome-ignore format: a row
  ])('%s', (_, node, spec, byDeployment, byDaemonSet) => {
    expect(takesPods('Deployment', node, spec)).toBe(byDeployment);
    expect(takesPods('DaemonSet', node, spec)).toBe(byDaemonSet);
  });
});

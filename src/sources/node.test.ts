import { describe, expect, test } from 'vitest';
import type { HostFacts, Node, NodeFacts } from '../api/node.ts';
import { completeFacts, noSuchNode, resolveNode } from './node.ts';

const NODE_A: Node = {
  kind: 'Node',
  name: 'node-a',
  labels: {},
  taints: [],
  unschedulable: false,
  zone: 'zone-1',
  region: 'region-1',
  podCIDRs: ['10.244.1.0/24'],
  ips: ['192.168.0.2'],
  beingDeleted: false,
};
const NODE_B: Node = { ...NODE_A, name: 'node-b', zone: 'zone-2', ips: ['192.168.0.3'] };

interface Given {
  readonly flags?: HostFacts;
  readonly host?: HostFacts;
  readonly hostnameOverride?: string;
  readonly nodes?: readonly Node[];
  readonly live?: HostFacts;
}

describe('where a fact comes from', () => {
  test.each<[string, Given, Partial<NodeFacts>]>([
    [
      'nowhere: what is assumed',
      {},
      {
        name: '',
        zone: undefined,
        region: undefined,
        ips: [],
        interfaceAddresses: [],
        podCIDRs: [],
        randomFully: true,
        nfacct: false,
        conntrackTCPBeLiberal: false,
      },
    ],
    [
      'the Node of the name',
      { flags: { name: 'node-b' }, nodes: [NODE_A, NODE_B] },
      {
        name: 'node-b',
        zone: 'zone-2',
        region: 'region-1',
        ips: ['192.168.0.3'],
        podCIDRs: ['10.244.1.0/24'],
      },
    ],
    ['the only Node', { nodes: [NODE_A] }, { name: 'node-a', zone: 'zone-1' }],
    ['no Node, where there are several', { nodes: [NODE_A, NODE_B] }, { name: '', zone: undefined }],
    [
      'no Node of another name',
      { flags: { name: 'node-c' }, nodes: [NODE_A] },
      { name: 'node-c', zone: undefined },
    ],
    [
      'a flag before the file',
      { flags: { name: 'a', zone: 'x' }, host: { name: 'b', zone: 'y' } },
      { name: 'a', zone: 'x' },
    ],
    ['the file before the configuration', { host: { name: 'b' }, hostnameOverride: 'c' }, { name: 'b' }],
    [
      'the configuration before the only Node',
      { hostnameOverride: 'node-c', nodes: [NODE_A] },
      { name: 'node-c' },
    ],
    [
      'a name that is empty is none',
      { flags: { name: '' }, host: { name: '' }, hostnameOverride: '', nodes: [NODE_A] },
      { name: 'node-a' },
    ],
    [
      'the file before the Node, for each fact',
      { host: { ips: ['10.0.0.1'] }, nodes: [NODE_A] },
      { name: 'node-a', ips: ['10.0.0.1'], zone: 'zone-1' },
    ],
    [
      'the machine itself after the Node',
      { nodes: [NODE_A], live: { name: 'node-a', ips: ['10.0.0.1'], randomFully: false } },
      { name: 'node-a', ips: ['192.168.0.2'], randomFully: false },
    ],
    [
      'the machine itself where the Node has no addresses yet',
      {
        nodes: [{ ...NODE_A, ips: [], podCIDRs: [] }],
        live: { ips: ['10.0.0.1'], podCIDRs: ['10.1.0.0/24'] },
      },
      { ips: ['10.0.0.1'], podCIDRs: ['10.1.0.0/24'] },
    ],
    ['a list that is empty is given', { host: { podCIDRs: [] }, nodes: [NODE_A] }, { podCIDRs: [] }],
    [
      "interfaces have the node's IPs where nothing tells",
      { host: { ips: ['10.0.0.1'] } },
      { interfaceAddresses: ['10.0.0.1'] },
    ],
    [
      'a flag that is false is given',
      { flags: { randomFully: false }, host: { randomFully: true } },
      { randomFully: false },
    ],
  ])('%s', (_, { nodes = [], hostnameOverride, ...given }, expected) => {
    const byName = new Map(nodes.map((node) => [node.name, node]));
    expect(resolveNode({ flags: {}, host: {}, hostnameOverride, nodes: byName, ...given })).toMatchObject(
      expected,
    );
  });

  test('the first source that has it', () => {
    expect(completeFacts([{ zone: undefined }, { zone: '' }, { zone: 'z' }, { zone: 'y' }]).zone).toBe('z');
  });
});

describe('noSuchNode', () => {
  test.each<[string, readonly string[], string]>([
    ['node-x', [], 'no Node node-x in the input'],
    ['node-x', ['node-a', 'node-b'], 'no Node node-x in the input, which has node-a, node-b'],
    ['node-x', ['node-a', 'node-x.example'], 'no Node node-x in the input, which has node-x.example, node-a'],
    ['Node-X.example', ['a', 'node-x'], 'no Node Node-X.example in the input, which has node-x, a'],
    ['node-x', [...'abcdefg'], 'no Node node-x in the input, which has a, b, c, d, e and 2 more'],
  ])('%s, where there are %j', (name, known, expected) => {
    expect(noSuchNode(name, 'in the input', known)).toBe(expected);
  });
});

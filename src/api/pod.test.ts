import { describe, expect, test } from 'vitest';
import { type Pod, podSchema } from './pod.ts';
import { check, formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

function pod({ metadata, spec, status }: { metadata?: Fields; spec?: Fields; status?: unknown }): Fields {
  return { metadata: { name: 'web-1', ...metadata }, spec: { containers: [], ...spec }, status };
}

describe('what is made of a Pod', () => {
  test.each<[string, Fields, Partial<Pod>]>([
    [
      'as written by hand',
      pod({}),
      {
        kind: 'Pod',
        namespace: 'default',
        name: 'web-1',
        labels: {},
        nodeName: undefined,
        containerPorts: [],
        ips: [],
        finished: false,
        ready: false,
        terminating: false,
      },
    ],
    ['labels', pod({ metadata: { labels: { app: 'web' } } }), { labels: { app: 'web' } }],
    ['a node', pod({ spec: { nodeName: 'node-a' } }), { nodeName: 'node-a' }],
    ['no node yet', pod({ spec: { nodeName: '' } }), { nodeName: undefined }],
    ['an IP', pod({ status: { podIP: '10.244.1.5' } }), { ips: ['10.244.1.5'] }],
    ['no IP yet', pod({ status: { podIP: '' } }), { ips: [] }],
    [
      'IPs',
      pod({ status: { podIP: '10.244.1.5', podIPs: [{ ip: '10.244.1.5' }, { ip: 'FD00::5' }] } }),
      { ips: ['10.244.1.5', 'fd00::5'] },
    ],
    ['running', pod({ status: { phase: 'Running' } }), { finished: false }],
    ['succeeded', pod({ status: { phase: 'Succeeded' } }), { finished: true }],
    ['failed', pod({ status: { phase: 'Failed' } }), { finished: true }],
    ['ready', pod({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }), { ready: true }],
    ['not ready', pod({ status: { conditions: [{ type: 'Ready', status: 'False' }] } }), { ready: false }],
    ['not known', pod({ status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }), { ready: false }],
    [
      'only its containers ready',
      pod({ status: { conditions: [{ type: 'ContainersReady', status: 'True' }] } }),
      { ready: false },
    ],
    [
      'being deleted',
      pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
      { terminating: true },
    ],
    ['not being deleted', pod({ metadata: { deletionTimestamp: null } }), { terminating: false }],
    [
      'ports of containers, then of sidecars, but of no other init container',
      pod({
        spec: {
          initContainers: [
            { ports: [{ name: 'once', containerPort: 1 }] },
            { restartPolicy: 'Always', ports: [{ name: 'sidecar', containerPort: 2 }] },
          ],
          containers: [{ name: 'a' }, { ports: [{ containerPort: 3, protocol: 'UDP' }] }, { ports: null }],
        },
      }),
      {
        containerPorts: [
          { name: undefined, port: 3, protocol: 'UDP' },
          { name: 'sidecar', port: 2, protocol: 'TCP' },
        ],
      },
    ],
  ])('%s', (_, value, expected) => {
    const result = check(podSchema, value, []);
    expect(result).toMatchObject({ ok: true, value: expected });
  });
});

test.each<[string, Fields, string[]]>([
  [
    'a name',
    pod({ metadata: { name: 'web_1' } }),
    [
      'metadata.name: expected a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends), got "web_1"',
    ],
  ],
  ['no spec', { metadata: { name: 'web-1' } }, ['spec: expected a mapping, got nothing']],
  ['an IP', pod({ status: { podIP: 'x' } }), ['status.podIP: expected an IP address, got "x"']],
  [
    'one of the IPs',
    pod({ status: { podIPs: [{ ip: '10.0.0.1' }, {}] } }),
    ['status.podIPs[1].ip: expected an IP address, got nothing'],
  ],
  [
    'a port',
    pod({ spec: { containers: [{ ports: [{ name: 'http', containerPort: 'http' }] }] } }),
    ['spec.containers[0].ports[0].containerPort: expected 1 to 65535, got "http"'],
  ],
  [
    'a protocol',
    pod({ spec: { containers: [{ ports: [{ containerPort: 80, protocol: 'HTTP' }] }] } }),
    ['spec.containers[0].ports[0].protocol: expected TCP, UDP or SCTP, got "HTTP"'],
  ],
  [
    'a condition',
    pod({ status: { conditions: [{ type: 'Ready', status: true }] } }),
    ['status.conditions[0].status: expected a string, got true'],
  ],
])('a Pod is told: %s', (_, value, expected) => {
  const result = check(podSchema, value, []);
  expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
});

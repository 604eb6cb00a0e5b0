import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import type { Query } from '../sources/kubernetes/connection.ts';
import { Events, eventOnNode, eventOnService } from './events.ts';
import { Log, SILENT } from './log.ts';

describe('Events', () => {
  const starting = { type: 'Normal', reason: 'Starting', note: 'Writing rules.' } as const;
  const failing = {
    type: 'Warning',
    reason: 'FailedToWriteRules',
    note: 'iptables-restore refused line 7',
  } as const;

  test('are about the Node', () => {
    expect(eventOnNode('node1', failing, new Date('2026-11-21T01:02:30.252Z'))).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^node1\.[0-9a-f]{16}$/), namespace: 'default' },
      eventTime: '2026-11-21T01:02:30.252000Z',
      type: 'Warning',
      reason: 'FailedToWriteRules',
      action: 'FailedToWriteRules',
      note: 'iptables-restore refused line 7',
      regarding: { kind: 'Node', name: 'node1', uid: 'node1' },
      reportingController: 'svc2ipt',
      reportingInstance: 'svc2ipt-node1',
    });
  });

  const service = { namespace: 'shop', name: 'web' };
  const invalid = {
    type: 'Warning',
    reason: 'InvalidObject',
    note: 'spec.ports[0].port: expected',
    service,
  } as const;
  /** What the API server says of Services by their names. */
  const get = async (path: string, { fieldSelector }: Query) => {
    const items = fieldSelector === 'metadata.name=gone' ? [] : [{ metadata: { uid: `uid of ${path}` } }];
    return Readable.from([JSON.stringify({ items })]);
  };

  test('are about a Service, in its namespace, and under the same name from all nodes', () => {
    const now = new Date('2026-11-21T01:02:30.252Z');
    const event = eventOnService('node1', invalid, { ...service, uid: '1-2-3' }, now);
    expect(event).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^web\.[0-9a-f]{16}$/), namespace: 'shop' },
      eventTime: '2026-11-21T01:02:30.252000Z',
      type: 'Warning',
      reason: 'InvalidObject',
      action: 'InvalidObject',
      note: 'spec.ports[0].port: expected',
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: '1-2-3' },
      reportingController: 'svc2ipt',
      reportingInstance: 'svc2ipt-node1',
    });
    const { metadata } = eventOnService('node2', invalid, { ...service, uid: '1-2-3' });
    expect(metadata).toEqual(event.metadata);
  });

  test('name the Service by its uid, by which kubectl finds them; there is none of a Service that is gone', async () => {
    const posted: [string, object][] = [];
    const post = async (path: string, object: object) => void posted.push([path, object]);
    const events = new Events({ post, get }, 'node1', SILENT);
    await events.tell({ ...invalid, service: { ...service, name: 'gone' } });
    await events.tell(invalid);
    expect(posted).toEqual([
      [
        '/apis/events.k8s.io/v1/namespaces/shop/events',
        expect.objectContaining({
          regarding: expect.objectContaining({ uid: 'uid of /api/v1/namespaces/shop/services' }),
        }),
      ],
    ]);
  });

  test('on Services are told once for each mistake, and not of thousands at once', async () => {
    const post = vi.fn(async () => {});
    const events = new Events({ post, get }, 'node1', SILENT);
    for (const note of ['one', 'one', 'another']) await events.tell({ ...invalid, note });
    expect(post).toHaveBeenCalledTimes(2);
    for (let i = 0; i < 100; i++)
      await events.tell({ ...invalid, service: { ...service, name: `web-${i}` } });
    await events.tell(failing);
    expect(post).toHaveBeenCalledTimes(26);
  });

  test('have a note that the API server takes', () => {
    expect(eventOnNode('node1', { ...failing, note: 'x'.repeat(5000) })).toMatchObject({
      note: 'x'.repeat(1024),
    });
  });

  test('are told once, however often the same happens', async () => {
    const post = vi.fn(async () => {});
    const events = new Events({ post, get }, 'node1', SILENT);
    for (const event of [starting, failing, failing, starting]) await events.tell(event);
    expect(post).toHaveBeenCalledTimes(2);
  });

  test('that get lost are no failure', async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => lines.push(line) };
    const log = new Log({ format: 'text', verbosity: 2, streams: { error: stream, info: stream } });
    const post = async () => {
      throw new Error('HTTP 403: no');
    };
    await new Events({ post, get }, 'node1', log).tell(starting);
    expect(lines).toEqual([expect.stringContaining('HTTP 403: no')]);
  });
});

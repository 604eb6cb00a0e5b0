import { describe, expect, test, vi } from 'vitest';
import { eventObject, NodeEvents } from './events.ts';
import { Log, SILENT } from './log.ts';

describe('Events', () => {
  const starting = { type: 'Normal', reason: 'Starting', note: 'Writing rules.' } as const;
  const failing = {
    type: 'Warning',
    reason: 'FailedToWriteRules',
    note: 'iptables-restore refused line 7',
  } as const;

  test('are about the Node', () => {
    expect(eventObject('node1', failing, new Date('2026-11-21T01:02:30.252Z'))).toEqual({
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

  test('have a note that the API server takes', () => {
    expect(eventObject('node1', { ...failing, note: 'x'.repeat(5000) })).toMatchObject({
      note: 'x'.repeat(1024),
    });
  });

  test('are told once, however often the same happens', async () => {
    const post = vi.fn(async () => {});
    const events = new NodeEvents({ post }, 'node1', SILENT);
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
    await new NodeEvents({ post }, 'node1', log).tell(starting);
    expect(lines).toEqual([expect.stringContaining('HTTP 403: no')]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../../net/address.ts';
import { ProxyHealth } from './health.ts';

/** Half a minute: a change may wait for a whole one. */
const SYNC_PERIOD = 30_000;
const NEVER = '0001-01-01T00:00:00Z';

type Event =
  | readonly ['queued' | 'synced', Family]
  | readonly ['passes', number]
  /** Somebody sets the node's clock. */
  | readonly ['clock set', number]
  | readonly ['leaves' | 'stays'];

/** Noon, and what happens from then on. */
function healthAfter(events: readonly Event[], families: readonly Family[] = FAMILIES): ProxyHealth {
  let wall = Date.parse('2026-11-21T12:00:00.000Z');
  let elapsed = 0;
  const clock = { date: () => new Date(wall), elapsed: () => elapsed };
  const health = new ProxyHealth({ syncPeriod: SYNC_PERIOD, families, clock });
  for (const [what, value] of events) {
    if (what === 'queued') health.queued(value);
    else if (what === 'synced') health.synced(value);
    else if (what === 'clock set') wall += value;
    else if (what === 'passes') {
      wall += value;
      elapsed += value;
    } else health.setEligible(what === 'stays');
  }
  return health;
}

describe('healthy', () => {
  test.each<[string, boolean, Event[]]>([
    ['at the start', true, []],
    ['while nothing is queued', true, [['passes', 3_600_000]]],
    [
      'while a change waits',
      true,
      [
        ['queued', 'ipv4'],
        ['passes', 59_999],
      ],
    ],
    [
      'not when it has waited for twice the period',
      false,
      [
        ['queued', 'ipv4'],
        ['passes', 60_000],
      ],
    ],
    [
      'nor when another comes meanwhile',
      false,
      [
        ['queued', 'ipv4'],
        ['passes', 30_000],
        ['queued', 'ipv4'],
        ['passes', 30_000],
      ],
    ],
    [
      'again once it is synced',
      true,
      [
        ['queued', 'ipv4'],
        ['passes', 90_000],
        ['synced', 'ipv4'],
        ['passes', 90_000],
      ],
    ],
    [
      'what comes after a sync has its own time',
      true,
      [
        ['queued', 'ipv4'],
        ['passes', 50_000],
        ['synced', 'ipv4'],
        ['queued', 'ipv4'],
        ['passes', 50_000],
      ],
    ],
    [
      'not while one family waits, whatever becomes of the other',
      false,
      [
        ['queued', 'ipv4'],
        ['queued', 'ipv6'],
        ['synced', 'ipv4'],
        ['passes', 60_000],
      ],
    ],
    [
      'whatever the clock says',
      true,
      [
        ['queued', 'ipv4'],
        ['clock set', 3_600_000],
        ['passes', 1000],
      ],
    ],
    [
      'nor does setting it back help',
      false,
      [
        ['queued', 'ipv4'],
        ['clock set', -3_600_000],
        ['passes', 60_000],
      ],
    ],
    ['though the node goes', true, [['leaves']]],
  ])('%s: %s', (_, expected, events) => {
    const health = healthAfter(events);
    expect(health.healthy).toBe(expected);
    expect(health.livez().healthy).toBe(expected);
  });

  test('exactly while the oldest change of each family that no sync has served is young', () => {
    const family = fc.constantFrom(...FAMILIES);
    const event: fc.Arbitrary<Event> = fc.oneof(
      fc.tuple(fc.constantFrom('queued' as const, 'synced' as const), family),
      fc.tuple(fc.constant('passes' as const), fc.nat(50_000)),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const waited = new Map<Family, number>();
        for (const [what, value] of events) {
          if (what === 'passes') for (const [family, time] of waited) waited.set(family, time + value);
          else if (what === 'synced') waited.delete(value);
          else if (what === 'queued' && !waited.has(value)) waited.set(value, 0);
        }
        expect(healthAfter(events).healthy).toBe(Math.max(0, ...waited.values()) < 2 * SYNC_PERIOD);
      }),
    );
  });
});

describe('what is told', () => {
  const synced: Event[] = [
    ['synced', 'ipv4'],
    ['passes', 1000],
    ['synced', 'ipv6'],
    ['passes', 1500],
  ];
  const fresh = { lastUpdated: '2026-11-21T12:00:02.500Z', currentTime: '2026-11-21T12:00:02.500Z' };
  const bothFresh = {
    IPv4: { lastUpdated: '2026-11-21T12:00:00.000Z', healthy: true },
    IPv6: { lastUpdated: '2026-11-21T12:00:01.000Z', healthy: true },
  };

  test.each<[string, Event[], number, object]>([
    ['well', synced, 200, { ...fresh, nodeEligible: true, healthy: true, status: bothFresh }],
    [
      'a node that is being deleted',
      [...synced, ['leaves']],
      503,
      {
        ...fresh,
        lastUpdated: '2026-11-21T12:00:01.000Z',
        nodeEligible: false,
        healthy: true,
        status: bothFresh,
      },
    ],
    [
      'a node that stays after all',
      [...synced, ['leaves'], ['stays']],
      200,
      { ...fresh, nodeEligible: true, healthy: true, status: bothFresh },
    ],
    [
      'one family that waits for too long',
      [...synced, ['queued', 'ipv6'], ['passes', 60_000]],
      503,
      {
        lastUpdated: '2026-11-21T12:00:01.000Z',
        currentTime: '2026-11-21T12:01:02.500Z',
        nodeEligible: true,
        healthy: false,
        status: { ...bothFresh, IPv6: { ...bothFresh.IPv6, healthy: false } },
      },
    ],
    [
      'before the first sync',
      [],
      200,
      {
        lastUpdated: '2026-11-21T12:00:00.000Z',
        currentTime: '2026-11-21T12:00:00.000Z',
        nodeEligible: true,
        healthy: true,
        status: {
          IPv4: { lastUpdated: NEVER, healthy: true },
          IPv6: { lastUpdated: NEVER, healthy: true },
        },
      },
    ],
    [
      'a first sync that does not come about',
      [
        ['queued', 'ipv4'],
        ['passes', 60_000],
      ],
      503,
      {
        lastUpdated: NEVER,
        currentTime: '2026-11-21T12:01:00.000Z',
        nodeEligible: true,
        healthy: false,
        status: {
          IPv4: { lastUpdated: NEVER, healthy: false },
          IPv6: { lastUpdated: NEVER, healthy: true },
        },
      },
    ],
  ])('%s', (_, events, status, expected) => {
    const { healthy, body } = healthAfter(events).healthz();
    expect(healthy ? 200 : 503).toBe(status);
    expect(JSON.parse(body)).toEqual(expected);
    expect(Object.keys(JSON.parse(body))).toEqual(Object.keys(expected));
  });

  test('/livez says nothing of the node', () => {
    const health = healthAfter([...synced, ['leaves']]);
    expect(health.livez().healthy).toBe(true);
    expect(JSON.parse(health.livez().body)).toEqual({ ...fresh, healthy: true, status: bothFresh });
  });

  test('only of families that there are', () => {
    const { body } = healthAfter([['synced', 'ipv4']], ['ipv4']).healthz();
    expect(Object.keys(JSON.parse(body).status)).toEqual(['IPv4']);
  });

  test('why a node gets no new traffic', () => {
    const health = healthAfter([]);
    expect(health.ineligible).toBeUndefined();
    health.setEligible(false, 'deletionTimestamp is set');
    expect(health.ineligible).toBe('deletionTimestamp is set');
    health.setEligible(true);
    expect(health.ineligible).toBeUndefined();
  });
});

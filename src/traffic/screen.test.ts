import { describe, expect, test } from 'vitest';
import { withCounters } from '../../test/support/counters.ts';
import { readCountedRules } from './counted-rules.ts';
import { formatTraffic, trafficHeading } from './report.ts';
import {
  afterKey,
  type Key,
  type ScreenState,
  screenAtFirst,
  screenOf,
  shownServicePorts,
} from './screen.ts';
import { servicePortKey } from './service-rules.ts';
import { Traffic } from './traffic.ts';

const entry = (name: string, i: number) =>
  `-A KUBE-SERVICES -d 10.96.0.${i}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80 -j KUBE-SVC-AAAAAAAAAAAAAA${'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i % 26]}${'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[Math.floor(i / 26)]}`;

/** A report on some Services, of which each has had as many connections as its number says, twice at once. */
function report(names: readonly string[]) {
  const rules = ['*nat', ':KUBE-SERVICES - [0:0]', ...names.map(entry), 'COMMIT\n'].join('\n');
  const traffic = new Traffic();
  for (const [at, factor] of [
    [0, 1],
    [1000, 2],
  ] as const) {
    traffic.take(
      {
        at,
        rules: [
          readCountedRules(
            withCounters(rules, (_, i) => i * factor),
            'ipv4',
          ),
        ],
      },
      () => new Set(),
    );
  }
  return traffic.report();
}

const NAMES = Array.from({ length: 30 }, (_, i) => `shop/s${String(i).padStart(2, '0')}:http`);
const REPORT = report(NAMES);
const SIZE = { columns: 80, rows: 24 };
const plain = (_: string, text: string) => text;
const KEYS: Readonly<Record<string, Key>> = {
  'Ctrl-C': { name: 'c', ctrl: true, sequence: '\u0003' },
  '/': { sequence: '/' },
  '?': { sequence: '?' },
};

/** The screen after some keys. */
function pressed(keys: readonly string[], from: ScreenState = screenAtFirst('rate')) {
  let screen = screenOf(REPORT, { about: 'svc2ipt top', isOpen: false }, from, SIZE, plain);
  for (const key of keys) {
    const shown = shownServicePorts(REPORT, screen.state).map(servicePortKey);
    const state = afterKey(screen.state, KEYS[key] ?? { name: key, sequence: key }, shown, 18);
    if (state === undefined) return undefined;
    screen = screenOf(REPORT, { about: 'svc2ipt top', isOpen: false }, state, SIZE, plain);
  }
  return screen;
}

const first = (keys: readonly string[]) => pressed(keys)?.lines[5]?.split(',')[0];

describe('keys', () => {
  test.each<[string, readonly string[], string]>([
    ['the highest rate is first', [], 'shop/s29:http'],
    ['n: by name', ['n'], 'shop/s00:http'],
    ['c: by connections', ['n', 'c'], 'shop/s29:http'],
    ['s: the next order, and the first one again', ['s', 's', 's', 's', 's', 'n'], 'shop/s00:http'],
    ['/: those with a text in their name', ['/', 's', '1', 'return'], 'shop/s19:http'],
    [
      'while it is typed, letters are no keys',
      ['/', 'q', 'n', 'backspace', 'backspace', '0', '7'],
      'shop/s07:http',
    ],
    ['escape: without the filter', ['/', '0', '7', 'return', 'escape'], 'shop/s29:http'],
    ['end: the last one is seen', ['end', 'n'], 'shop/s00:http'],
    ['page down twice, and up', ['pagedown', 'pagedown', 'pageup', 'pageup'], 'shop/s29:http'],
  ])('%s', (_, keys, expected) => {
    expect(first(keys)).toBe(expected);
  });

  test.each([['q'], ['Ctrl-C'], ['/', 'Ctrl-C'], ['?', 'q']])('%s %s quits', (...keys) => {
    expect(pressed(keys.filter((key) => key !== undefined))).toBeUndefined();
  });

  test('down selects the next one, enter opens it, escape closes it', () => {
    expect(pressed(['down', 'down'])?.state.selected).toBe('shop/s27:http/tcp');
    const opened = pressed(['down', 'return']);
    expect(opened?.state.opened).toBe('shop/s28:http/tcp');
    expect(opened?.seen).toEqual(new Set(['shop/s28:http/tcp']));
    expect(pressed(['down', 'return', 'escape'])?.state).toMatchObject({
      opened: undefined,
      selected: 'shop/s28:http/tcp',
    });
  });

  test('h explains the keys, and any other takes that away', () => {
    expect(pressed(['h'])?.lines.join('\n')).toContain('its endpoints and their shares');
    expect(pressed(['h', 'x'])?.state.help).toBe(false);
  });

  test('the selected one stays selected when the order changes, and is seen', () => {
    const screen = pressed(['down', 'n']);
    expect(screen?.state.selected).toBe('shop/s28:http/tcp');
    expect(screen?.seen.has('shop/s28:http/tcp')).toBe(true);
    expect(screen?.state.above).toBeGreaterThan(0);
  });
});

describe('what is shown', () => {
  test('has as many lines as the terminal, and none is longer', () => {
    for (const rows of [1, 5, 8, 24, 60]) {
      for (const columns of [40, 80, 132]) {
        for (const keys of [[], ['h'], ['end'], ['return'], ['/']]) {
          const { state } = pressed(keys) ?? { state: screenAtFirst('rate') };
          const { lines } = screenOf(
            REPORT,
            { about: 'top', isOpen: false },
            state,
            { columns, rows },
            plain,
          );
          expect(lines).toHaveLength(rows);
          // Figures need their room.
          if (columns >= 80) for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  test('a Service that is gone is open no longer', () => {
    const opened = pressed(['return'])?.state ?? screenAtFirst('rate');
    const later = screenOf(report(NAMES.slice(0, 3)), { about: '', isOpen: false }, opened, SIZE, plain);
    expect(later.state.opened).toBeUndefined();
    expect(later.lines[5]).toMatch(/^shop\/s02:http/);
  });

  test('no Service', () => {
    const { lines } = screenOf(report([]), { about: '', isOpen: false }, screenAtFirst('rate'), SIZE, plain);
    expect(lines[5]).toBe('No Service has rules here.');
    expect(pressed(['/', 'x', 'y'])?.lines[5]).toBe('No Service has this in its name.');
  });
});

test('a line fits 80 columns, however long names are', () => {
  const long = `${'n'.repeat(63)}/${'s'.repeat(63)}:${'p'.repeat(15)}`;
  const layout = { width: 80, endpoints: true };
  const told = report([long]);
  const lines = formatTraffic(told.servicePorts, told, plain, layout).split('\n');
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[0]).toBe(trafficHeading(told, layout));
  expect(lines[1]).toMatch(/^n+\.\.\.s*:?p+, cluster IP +0\.0 +0 +0 +0$/);
});

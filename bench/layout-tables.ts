/** Figures of the layouts as Markdown. */
import { sizeName } from './clusters.ts';
import { type Figures, TARGETS, type Target } from './layout-figures.ts';
import { table } from './statistics.ts';

const ms = (value: number) =>
  value < 10_000 ? `${value.toFixed(value < 100 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`;
const mb = (value: number) => (value === 0 ? '' : `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} MB`);
const us = (value: number) => `${value.toFixed(0)} µs`;
const count = (value: number) => value.toLocaleString('en');
const times = (value: number) => (Number.isFinite(value) ? `${value.toFixed(2)} x` : '');

const LAYOUTS = ['kube-proxy', 'fast'] as const;

/** Every measure, in a table for each backend and size: both layouts, and how the fast one compares. */
export function tables(figures: readonly Figures[]): string {
  const groups = Map.groupBy(figures, ({ backend, size }) => `${backend}, ${sizeName(size)}`);
  return [...groups].map(([name, group]) => `${groupTable(name, group)}\n`).join('\n');
}

const TO = {
  'without rules': 'connecting without any rules',
  direct: 'connecting directly',
  first: 'to the first service',
  middle: 'to the middle service',
  last: 'to the last service',
} as const satisfies Record<Target, string>;

/** NaN is what was not measured. */
const MEASURES: readonly (readonly [string, (figures: Figures) => number, (value: number) => string])[] = [
  ['rules', ({ rules }) => rules, count],
  ['chains', ({ chains }) => chains, count],
  ['restore text', ({ bytes }) => bytes, mb],
  ['cold load', ({ coldLoad }) => coldLoad, ms],
  ['memory of iptables-restore', ({ restoreMemory }) => restoreMemory, mb],
  ['an endpoint moves', ({ endpointMoves }) => endpointMoves.total, ms],
  ['... in iptables-restore', ({ endpointMoves }) => endpointMoves.kernel, ms],
  ['... lines of input, at most', ({ endpointMoves }) => endpointMoves.lines, count],
  ['a service comes or goes', ({ serviceComesOrGoes }) => serviceComesOrGoes.total, ms],
  ['... in iptables-restore', ({ serviceComesOrGoes }) => serviceComesOrGoes.kernel, ms],
  ['... lines of input, at most', ({ serviceComesOrGoes }) => serviceComesOrGoes.lines, count],
  ...TARGETS.flatMap((target) => {
    return [
      [`${TO[target]}, p50`, ({ connect }: Figures) => connect[target]?.p50 ?? Number.NaN, us],
      ['... p99', ({ connect }: Figures) => connect[target]?.p99 ?? Number.NaN, us],
      [
        '... a second',
        ({ connect }: Figures) => connect[target]?.perSecond ?? Number.NaN,
        (value: number) => count(Math.round(value)),
      ],
    ] as const;
  }),
];

function groupTable(name: string, group: readonly Figures[]): string {
  const kubeProxy = group.find(({ layout }) => layout === 'kube-proxy');
  const fast = group.find(({ layout }) => layout === 'fast');
  const rows = MEASURES.map(([what, of, print]) => [
    what,
    cell(kubeProxy, of, print),
    cell(fast, of, print),
    kubeProxy && fast ? times(of(fast) / of(kubeProxy)) : '',
  ]).filter(([, ...cells]) => cells.some((text) => text !== ''));
  return table([name, 'kube-proxy layout', 'fast layout', 'ratio'], rows);
}

function cell(
  figures: Figures | undefined,
  of: (figures: Figures) => number,
  print: (value: number) => string,
): string {
  const value = figures ? of(figures) : Number.NaN;
  return Number.isNaN(value) ? '' : print(value);
}

/** So many times as long as anywhere else, and the machine had something else to do. */
const DISTURBED = 1.25;

/** The places whose figures are not to be trusted, in a sentence; empty where there are none, or nobody knows. */
export function disturbances(figures: readonly Figures[]): string {
  const quiet = Math.min(...figures.flatMap(({ connect }) => connect['without rules']?.p50 ?? []));
  const disturbed = figures.flatMap(({ backend, layout, size, connect }) => {
    const { p50 = 0 } = connect['without rules'] ?? {};
    return p50 > DISTURBED * quiet ? `${backend}, ${layout} layout, ${sizeName(size)} (${us(p50)})` : [];
  });
  if (disturbed.length === 0) return '';
  return `Disturbed by other programs: connecting without any rules took more than ${DISTURBED} times the ${us(quiet)} of the quietest place at ${disturbed.join('; ')}.\n\n`;
}

/** What matters most, a row for each backend and size. */
export function summary(figures: readonly Figures[]): string {
  const measures = [
    [({ coldLoad }: Figures) => coldLoad, ms],
    [({ endpointMoves }: Figures) => endpointMoves.kernel, ms],
    [({ connect }: Figures) => connect.last?.p50 ?? Number.NaN, us],
  ] as const;
  const byBackend = [...Map.groupBy(figures, ({ backend }) => backend).values()].flat();
  const groups = Map.groupBy(byBackend, ({ backend, size }) => `${backend}, ${sizeName(size)}`);
  const rows = [...groups].map(([name, group]) => [
    name,
    ...measures.flatMap(([of, print]) =>
      LAYOUTS.map((layout) =>
        cell(
          group.find((figures) => figures.layout === layout),
          of,
          print,
        ),
      ),
    ),
  ]);
  const head = ['cold load', 'a change', 'connect'].flatMap((what) => [what, 'fast']);
  return table(['kube-proxy layout / fast layout', ...head], rows);
}

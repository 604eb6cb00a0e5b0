/** Figures of the layouts as Markdown. */
import { sizeName } from './clusters.ts';
import { type Figures, TARGETS } from './layout-figures.ts';
import { table } from './statistics.ts';

const ms = (value: number) =>
  value < 10_000 ? `${value.toFixed(value < 100 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`;
const mb = (value: number) => `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} MB`;
const us = (value: number) => `${value.toFixed(0)} µs`;
const count = (value: number) => value.toLocaleString('en');
const times = (value: number) => `${value.toFixed(2)} x`;

/** Every measure, in a table for each backend and size: both layouts, and how the fast one compares. */
export function tables(figures: readonly Figures[]): string {
  const groups = Map.groupBy(figures, ({ backend, size }) => `${backend}, ${sizeName(size)}`);
  return [...groups].map(([name, group]) => `${groupTable(name, group)}\n`).join('\n');
}

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
    const what = target === 'direct' ? 'connecting directly' : `to the ${target} service`;
    return [
      [`${what}, p50`, ({ connect }: Figures) => connect[target].p50, us],
      ['... p99', ({ connect }: Figures) => connect[target].p99, us],
      [
        '... a second',
        ({ connect }: Figures) => connect[target].perSecond,
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
    kubeProxy ? print(of(kubeProxy)) : '',
    fast ? print(of(fast)) : '',
    kubeProxy && fast ? times(of(fast) / of(kubeProxy)) : '',
  ]);
  return table([name, 'kube-proxy layout', 'fast layout', 'ratio'], rows);
}

/** What is measured of a layout on a backend at one size. `scripts/bench-kernel` writes it, tables and plots read it. */
import type { LayoutName } from '../src/api/layout-names.ts';
import type { Backend } from '../src/applier/programs.ts';
import { type Size, sizeName } from './clusters.ts';
import type { Figure } from './figures.ts';

export interface Place {
  readonly backend: Backend;
  readonly layout: LayoutName;
  readonly size: Size;
}

/** Times in milliseconds, memory and text in bytes. */
export interface Figures extends Place {
  readonly rules: number;
  readonly chains: number;
  /** The whole ruleset as restore text. */
  readonly bytes: number;
  /** From objects in memory to rules in the kernel. */
  readonly coldLoad: number;
  /** The most memory that iptables-restore had resident meanwhile; 0 where it ended before it could be looked at. */
  readonly restoreMemory: number;
  readonly endpointMoves: Change;
  readonly serviceComesOrGoes: Change;
  /** How long a client needs to connect, by what it connects to; all but `without rules` with all rules loaded. */
  readonly connect: Readonly<Partial<Record<Target, Connecting>>>;
}

/** Medians of several, but the worst for lines. */
export interface Change {
  readonly total: number;
  /** Of it, iptables-restore. */
  readonly kernel: number;
  /** Of restore input. */
  readonly lines: number;
}

/**
 * An endpoint, before there are rules, which is the same at every place unless something else keeps the machine busy;
 * an endpoint, without any Service between; and the Services that come first, in the middle and last by name.
 */
export const TARGETS = ['without rules', 'direct', 'first', 'middle', 'last'] as const;
export type Target = (typeof TARGETS)[number];

/** Microseconds, and one client's connections in a second, one after the other. */
export interface Connecting {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** Seconds that a cold load of the fast layout may take on nft, by services x endpoints. */
const COLD_LOADS: Readonly<Record<string, number>> = { '5000x10': 2, '20000x10': 9, '5000x50': 7 };

/** What the fast layout may take at most, as times of the other one: the smallest cluster is all noise. */
const NOT_MORE = 1;
const LARGE_ENOUGH = 1_000;

/** Lines of restore input for a change. */
const LINES = 100;

/** Milliseconds of iptables-restore for an endpoint that moves, on nft. */
const CHANGE = 20;

/** Connecting through the last of the most Services, as times of connecting through the only one. */
const CONNECT = 1.15;

/** The figures of the fast layout that have limits, as far as they were measured. */
export function limitedFigures(all: readonly Figures[]): Figure[] {
  return all
    .filter(({ layout }) => layout === 'fast')
    .flatMap((fast) => {
      const { backend, size } = fast;
      const isSame = (one: Figures) => one.backend === backend && sizeName(one.size) === sizeName(size);
      const other = all.find((one) => one.layout === 'kube-proxy' && isSame(one));
      const figures = [...ownFigures(fast), ...(other ? comparedFigures(fast, other) : [])];
      const smallest = all.find(
        (one) => one.layout === 'fast' && one.backend === backend && one.size.services === 1,
      );
      if (smallest && size.services === MOST_SERVICES) figures.push(connecting(fast, smallest));
      return figures.map((figure) => ({ ...figure, name: `${backend}, ${sizeName(size)}: ${figure.name}` }));
    });
}

const MOST_SERVICES = 20_000;

function ownFigures({ backend, size, coldLoad, endpointMoves, serviceComesOrGoes }: Figures): Figure[] {
  const lines = Math.max(endpointMoves.lines, serviceComesOrGoes.lines);
  const least: Figure[] = [{ name: 'lines for a change', value: lines, unit: 'lines', limit: LINES }];
  if (backend === 'legacy') return least;
  return [
    {
      name: 'cold load',
      value: coldLoad / 1000,
      unit: 's',
      limit: COLD_LOADS[`${size.services}x${size.endpoints}`],
    },
    { name: 'an endpoint moves', value: endpointMoves.kernel, unit: 'ms', limit: CHANGE },
    ...least,
  ];
}

/** On legacy it must be slower nowhere, on nft, where it is by far faster, it must not take more memory. */
function comparedFigures(fast: Figures, other: Figures): Figure[] {
  const limit = fast.size.services >= LARGE_ENOUGH ? NOT_MORE : undefined;
  const compared = (name: string, of: (figures: Figures) => number): Figure => ({
    name,
    value: of(fast) / of(other),
    unit: "times kube-proxy's layout",
    limit,
  });
  if (fast.backend === 'nft') {
    const memory = compared('memory of iptables-restore', ({ restoreMemory }) => restoreMemory);
    return fast.restoreMemory > 0 && other.restoreMemory > 0 ? [memory] : [];
  }
  return [
    compared('cold load', ({ coldLoad }) => coldLoad),
    compared('an endpoint moves', ({ endpointMoves }) => endpointMoves.kernel),
    compared('connecting through the last service', ({ connect }) => connect.last?.p50 ?? Number.NaN),
  ];
}

function connecting(fast: Figures, smallest: Figures): Figure {
  return {
    name: 'connecting, beside a single service',
    value: (fast.connect.last?.p50 ?? Number.NaN) / (smallest.connect.last?.p50 ?? Number.NaN),
    unit: 'times as long',
    limit: CONNECT,
  };
}

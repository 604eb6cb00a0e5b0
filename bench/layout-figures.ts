/** What is measured of a layout on a backend at one size. `scripts/bench-kernel` writes it, tables and plots read it. */
import type { LayoutName } from '../src/api/layout-names.ts';
import type { Backend } from '../src/applier/programs.ts';
import type { Size } from './clusters.ts';

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

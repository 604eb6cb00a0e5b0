/** What a match asks of a packet, or does to it. */
import type { Test } from './match-tests.ts';
import type { Recent } from './recent.ts';

export type Condition =
  /** Looks at the packet, and at nothing else. */
  | { readonly condition: 'test'; readonly test: Test }
  /** Is left to chance, every time anew. */
  | { readonly condition: 'chance'; readonly probability: number }
  /** Looks an address up in a list, or writes it there. */
  | { readonly condition: 'recent'; readonly recent: Recent };

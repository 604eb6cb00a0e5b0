/** The text that iptables-restore is given. */
import type { TableName } from '../iptables/types.ts';
import type { Transaction } from './plan.ts';

/** Characters. So much is made at once: enough that writing costs little, and not as much as there may be in all. */
const PIECE = 65_536;

/** Made piece by piece, each time that it is read: 5,000 Services come to 16 MB, which need not be in memory at once. */
export class RestoreInput implements Iterable<string> {
  readonly #transactions: readonly Transaction[];

  constructor(transactions: readonly Transaction[] = []) {
    this.#transactions = transactions;
  }

  /** Nothing is to be done. */
  get isEmpty(): boolean {
    return this.#transactions.length === 0;
  }

  /** How many lines it has, known without making them. */
  get lineCount(): number {
    return this.#transactions.reduce((count, transaction) => count + 2 + transaction.lineCount, 0);
  }

  /** How many transactions it has. */
  get transactionCount(): number {
    return this.#transactions.length;
  }

  /** How many rules of a table it writes: adds, inserts or replaces. */
  rulesOf(table: TableName): number {
    return this.#transactions.reduce((sum, { table: of, rules }) => sum + (of === table ? rules : 0), 0);
  }

  *[Symbol.iterator](): Iterator<string> {
    let piece = '';
    for (const line of this.#lines()) {
      piece += `${line}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = '';
    }
    if (piece !== '') yield piece;
  }

  toString(): string {
    return [...this].join('');
  }

  *#lines(): Iterable<string> {
    for (const { table, lines } of this.#transactions) {
      yield `*${table}`;
      yield* lines();
      yield 'COMMIT';
    }
  }
}

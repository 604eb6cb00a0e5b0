import { join } from 'node:path';

/** The folder of the checkout. */
export const PROJECT = join(import.meta.dirname, '../..');

/**
 * The folder of the program that tests start, of the sources as they are when the tests begin; as deep in the checkout as
 * what is published. The process that starts the tests names it, for all others.
 */
process.env.SVC2IPT_TESTED ??= join(PROJECT, 'dist', `tested-${process.pid}`);
export const TESTED = process.env.SVC2IPT_TESTED;

/** The program that tests start. */
export const MAIN = join(TESTED, 'main.js');

/** What a check throws that has not what it needs. */
import { OperationalError } from '../errors/operational-error.ts';

/** The reason why a check is not made. */
export class NotChecked extends OperationalError {}

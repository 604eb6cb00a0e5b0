/**
 * What ends a command, or a part of its work, without being a fault of the program: a user's mistake, a machine that
 * cannot do what it is asked to, another program that fails. The message says all there is to know: what was tried,
 * what came back, what to do. It is told without a stack trace; the command exits with 2, and `agent` with 1.
 */
export class OperationalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

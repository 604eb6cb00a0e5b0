/** What is wrong with an input, in the words that its author sees. */
import type { z } from 'zod';
import { OperationalError } from '../errors/operational-error.ts';
import { alternatives } from '../text/lists.ts';
import { meantBy, nearest } from '../text/nearest.ts';
import { printable } from '../text/printable.ts';

/** One thing wrong in an input. */
export interface Problem {
  /** From the outside in: file, document, object, field; parts that do not apply are left out. */
  readonly at: readonly string[];
  /** What was expected and what was found, or another full sentence without its full stop. */
  readonly message: string;
  /** What kind of mistake it is, where there is a word for it. */
  readonly code?: ProblemCode;
}

/** Mistakes that have a name, by which lint tells them. */
export type ProblemCode = 'unknown-field' | 'unknown-kind' | 'wrong-api-version';

/** A user's mistake: every problem found in an input. */
export class InputError extends OperationalError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/**
 * Waits for several things, and throws one InputError with the problems of all those that fail, so that the user
 * hears of everything at once; the error itself, where only one fails.
 */
export async function allOf<T extends readonly unknown[] | []>(
  things: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(things);
  // One thing may have waited for another, and failed with the same error.
  const failures = new Set(
    settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])),
  );
  const problems = [...failures].flatMap((failure) => {
    if (failure instanceof InputError && failures.size > 1) return failure.problems;
    throw failure;
  });
  if (problems.length > 0) throw new InputError(problems);
  return Promise.all(things);
}

/** `services.yaml, document 3, Service default/web, spec.ports[0].port: expected 1 to 65535, got 70000` */
export function formatProblem({ at, message }: Problem): string {
  return printable(at.length > 0 ? `${at.join(', ')}: ${message}` : message);
}

/** Whether a value is what JSON and YAML have between braces. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shortcuts = new WeakMap<z.ZodType, (value: unknown) => unknown>();

/**
 * Gives a schema a short way for what nearly all its values are like.
 * @param read gives exactly what the schema gives, or undefined for whatever it does not know
 */
export function withShortcut<Schema extends z.ZodType>(
  schema: Schema,
  read: (value: unknown) => z.output<Schema> | undefined,
): Schema {
  shortcuts.set(schema, read);
  return schema;
}

/**
 * Checks a value against a schema. A failed check becomes one problem for each field that is wrong; the schema's
 * own error texts say what was expected, and this adds what was found.
 * @param at where the value stands
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: readonly string[],
): { ok: true; value: z.output<Schema> } | { ok: false; problems: Problem[] } {
  const known = shortcuts.get(schema)?.(value) as z.output<Schema> | undefined;
  if (known !== undefined) return { ok: true, value: known };
  const result = schema.safeParse(value, { error: defaultExpectation, reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problems: result.error.issues.flatMap((issue) => toProblems(issue, at, schema)) };
}

/** Like {@link check}, but throws an {@link InputError}. */
export function checkOrThrow<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: readonly string[],
): z.output<Schema> {
  const result = check(schema, value, at);
  if (!result.ok) throw new InputError(result.problems);
  return result.value;
}

function toProblems(issue: z.core.$ZodIssue, at: readonly string[], schema: z.ZodType): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, issue.path);
    return issue.keys.map((key) => ({
      at: [...at, formatPath([...issue.path, key])],
      message: `unknown field${meantBy(nearest(key, known))}`,
    }));
  }
  const where = issue.path.length > 0 ? [...at, formatPath(issue.path)] : at;
  if (issue.code === 'custom' && issue.params?.sentence) return [{ at: where, message: issue.message }];
  return [{ at: where, message: `expected ${issue.message}, got ${show(issue.input)}` }];
}

/** The fields that a schema has at a path of a value; none where that leads into something else than objects and lists. */
function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  // What schemas are made of is known of each kind, and not of the type that they all have.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [field, ...rest] = path;
  switch (def.type) {
    case 'pipe':
      return fieldsAt(def.in, path);
    case 'optional':
    case 'nullable':
      return fieldsAt(def.innerType, path);
    case 'array':
      return fieldsAt(def.element, rest);
    case 'object': {
      if (field === undefined) return Object.keys(def.shape);
      const inner = def.shape[String(field)];
      return inner ? fieldsAt(inner, rest) : [];
    }
    default:
      // All others have no fields of their own.
      return [];
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

function defaultExpectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected as string] ?? `${issue.expected}`;
    case 'invalid_value':
      return alternatives((issue.values as readonly unknown[]).map(String));
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'too_small':
      return `at least ${issue.minimum}`;
    default:
      return 'another value';
  }
}

/** `spec.ports[0].port`, `metadata.labels["a/b"]` */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]+$/.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`;
    else text += `[${show(String(part))}]`;
  }
  return text;
}

const SHOWN_LENGTH = 60;

/** A value of an input as it may be printed on a terminal: short, on one line, no control characters. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  const text = printable(
    typeof value === 'string' ? JSON.stringify(value.slice(0, SHOWN_LENGTH + 1)) : String(value),
  );
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text;
}

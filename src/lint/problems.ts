/** What is wrong with manifests, told as findings. */
import type { Problem } from '../api/problem.ts';
import type { Finding, ObjectReference } from './finding.ts';
import { RULES } from './rules.ts';
import { sentence } from './sentences.ts';

/** Parts of a place that lead to an object. */
const CONTEXT = /^(?:document \d+|items\[\d+\])$/;
const POSITION = /^line (\d+), column (\d+)$/;
const OBJECT = /^([A-Z]\w*) (?:without a name|(?:([^/]+)\/)?(.+))$/;

/** The finding that a problem of a manifest is. */
export function problemFinding({ at: [file, ...rest], message, code }: Problem): Finding {
  const end = rest.findIndex((part) => !CONTEXT.test(part));
  const context = end < 0 ? rest : rest.slice(0, end);
  const about = end < 0 ? [] : rest.slice(end);
  const [first = ''] = about;
  const [, line, column] = POSITION.exec(first) ?? [];
  const object = objectOf(first);
  const field = line !== undefined ? undefined : about[object ? 1 : 0];
  const rule = code ?? (object ? 'invalid-object' : 'invalid-document');
  const { severity, remedy } = RULES[rule];
  return {
    code: rule,
    severity,
    object,
    field,
    cause: sentence(message),
    remedy,
    place: file === undefined ? [] : [file, ...context],
    position: line === undefined ? undefined : { line: Number(line), column: Number(column) },
  };
}

/** That the input has no Service. */
export function noService(): Finding {
  const code = 'no-service';
  const { severity, remedy } = RULES[code];
  return { code, severity, cause: 'No Service is in the input, so none of it makes a rule.', remedy };
}

function objectOf(part: string): ObjectReference | undefined {
  const [found, kind, namespace, name] = OBJECT.exec(part) ?? [];
  return found === undefined || kind === undefined ? undefined : { kind, namespace, name };
}

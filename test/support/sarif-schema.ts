/** What is wrong with a SARIF log, by the schema of OASIS as Microsoft's matchers bring it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';

const path = createRequire(import.meta.url).resolve(
  '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json',
);
// Its draft 4 is older than what ajv knows by name, and has nothing that means something else now but its `id`. Formats
// are no part of ajv itself; the tests look at URIs one by one.
const { id: _, $schema: __, ...schema } = JSON.parse(readFileSync(path, 'utf8'));
const validate = new Ajv({
  strict: false,
  validateFormats: false,
  unicodeRegExp: false,
  allErrors: true,
}).compile(schema);

/** The problems of a log as text, each in a line. */
export function problemsOfSarif(text: string): string[] {
  validate(JSON.parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
}

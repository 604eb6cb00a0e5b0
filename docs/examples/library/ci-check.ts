/**
 * A check for CI: fails where manifests have an error, and prints each finding beside its line, as GitHub shows it.
 *
 *     node ci-check.ts manifests/*.yaml
 */
import { readFileSync } from 'node:fs';
import { InputError, isAtLeast, lint, printLinted } from 'svc2ipt';

const manifests = process.argv.slice(2).map((name) => ({ name, text: readFileSync(name, 'utf8') }));

try {
  const linted = lint({ manifests });
  const output = process.env.GITHUB_ACTIONS === 'true' ? 'github' : 'text';
  console.log(printLinted(linted, { output }));
  if (linted.findings.some((finding) => isAtLeast(finding, 'warning'))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

/**
 * Looks at the packages in package-lock.json: `npm run audit`. All but known faults is found out without a network;
 * for those a registry is asked, and where none answers, that is said. Exit code 1 where there is something to do.
 *
 *     npm run audit                     # -- --offline asks no registry
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { columns } from '../src/text/columns.ts';
import { type AuditInput, CHECKS, type Finding } from './audit-checks.ts';
import { lockedPackages, productionPackages, readLockFile } from './lock-file.ts';

/** What a check came to. */
interface Result {
  readonly name: string;
  readonly findings: readonly Finding[];
  /** Why it was not done. */
  readonly skipped?: string;
}

/** What there is to look at in a project. */
export async function auditInput(folder: string): Promise<AuditInput> {
  const manifest: { engines: { node: string }; allowScripts: Record<string, boolean> } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const { stdout } = await execa({ cwd: folder, reject: false })`npm ls --all --json`;
  const listed: { problems?: string[] } = JSON.parse(stdout);
  return {
    lock: readLockFile(folder),
    allowScripts: manifest.allowScripts,
    oldestNode: manifest.engines.node.replace('>=', ''),
    folder,
    complaints: listed.problems ?? [],
  };
}

const KNOWN_FAULTS = 'no fault is known';

/** Faults that are known to the registry that npm uses; or that there was no answer. */
async function knownFaults(folder: string): Promise<Result> {
  const { stdout } = await execa({ cwd: folder, reject: false })`npm audit --json --fetch-retries=0`;
  const answer = parseAnswer(stdout);
  if (answer?.vulnerabilities === undefined) {
    return {
      name: KNOWN_FAULTS,
      findings: [],
      skipped: `no answer from a registry: ${answer?.message ?? 'npm audit fails'}`,
    };
  }
  const findings = Object.values(answer.vulnerabilities).map((one) => ({
    package: one.name,
    problem: `${one.severity}: ${one.via.map((via) => (typeof via === 'string' ? `by ${via}` : `${via.title}, ${via.url}`)).join('; ')}`,
    remedy: one.fixAvailable
      ? `npm update ${one.name}`
      : 'no release without it: replace it, or what needs it',
  }));
  return { name: KNOWN_FAULTS, findings };
}

/** As `npm audit --json` prints it. */
interface Answer {
  readonly message?: string;
  readonly vulnerabilities?: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly severity: string;
        readonly via: readonly (string | { readonly title: string; readonly url: string })[];
        readonly fixAvailable: unknown;
      }
    >
  >;
}

function parseAnswer(text: string): Answer | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function report(results: readonly Result[]): string[] {
  const rows = results.map(({ name, findings, skipped }) => [
    name,
    skipped === undefined
      ? findings.length === 0
        ? 'yes'
        : `NO: ${findings.length}`
      : `SKIPPED: ${skipped}`,
  ]);
  const findings = results.flatMap((result) => result.findings);
  const told = findings.map((one) => [one.package, one.problem, `-> ${one.remedy}`]);
  return [...columns(rows), ...(told.length > 0 ? ['', ...columns(told)] : [])];
}

if (import.meta.main) {
  const folder = process.cwd();
  const input = await auditInput(folder);
  const results: Result[] = CHECKS.map((check) => ({ name: check.name, findings: check.find(input) }));
  results.push(
    process.argv.includes('--offline')
      ? { name: KNOWN_FAULTS, findings: [], skipped: 'asked for no registry' }
      : await knownFaults(folder),
  );
  const [all, production] = [lockedPackages(input.lock), productionPackages(input.lock)];
  console.log(`${all.length} packages, ${production.length} of which users install\n`);
  console.log(report(results).join('\n'));
  process.exitCode = results.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

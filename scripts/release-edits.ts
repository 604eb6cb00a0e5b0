/** Where the version stands, and what it becomes. */
import { Refusal } from './refusal.ts';

export interface Release {
  /** What package.json says now. */
  readonly from: string;
  readonly to: string;
  /** `2026-01-31` */
  readonly date: string;
}

/** Whether a tracked file may tell a version. */
export function tellsVersion(path: string): boolean {
  return /^(package(-lock)?\.json|CHANGELOG\.md|README\.md|deploy\/.+\.ya?ml|docs\/.+\.(md|yaml))$/.test(
    path,
  );
}

/**
 * The texts of files, by their paths, as they become; only those that change.
 * @throws Refusal where a version is not found where it must be
 */
export function releaseEdits(
  texts: ReadonlyMap<string, string>,
  { from, to, date }: Release,
): Map<string, string> {
  const old = `${RegExp.escape(from)}(?!-?\\w|\\.\\d)`;
  const mention = new RegExp(`(svc2ipt[:@ -]|newTag: |version: v)${old}`, 'g');
  const rules: readonly [path: RegExp, found: RegExp, becomes: string][] = [
    [/^package\.json$/, new RegExp(`^( {2}"version": )"${old}"`, 'm'), `$1"${to}"`],
    [/^package-lock\.json$/, new RegExp(`("name": "svc2ipt",\\s+"version": )"${old}"`, 'g'), `$1"${to}"`],
    [/^CHANGELOG\.md$/, UNRELEASED, `## ${to} (${date})\n`],
    // Helm's own version, and that of the image.
    [/^deploy\/chart\/Chart\.yaml$/, new RegExp(`^((?:appV|v)ersion: "?)${old}`, 'gm'), `$1${to}`],
    [MENTIONING, mention, `$1${to}`],
  ];
  const edits = new Map<string, string>();
  for (const [path, text] of texts) {
    const [, found, becomes] = rules.find(([rule]) => rule.test(path)) ?? [];
    if (found === undefined || becomes === undefined) continue;
    if (text.search(found) >= 0) edits.set(path, text.replace(found, becomes));
    else if (!MENTIONING.test(path)) throw new Refusal(`${path} does not say ${from}`);
  }
  const image = new RegExp(`(?:svc2ipt:|newTag: )${old}`);
  if (![...texts].some(([path, text]) => path.startsWith('deploy/') && image.test(text))) {
    throw new Refusal(`no manifest in deploy has an image svc2ipt:${from}`);
  }
  return new Map([...edits].filter(([path, text]) => text !== texts.get(path)));
}

/** Files that may name the image and the package, and need not. */
const MENTIONING = /^(README\.md$|deploy\/|docs\/)/;

const UNRELEASED = /^## \S+ \(unreleased\)\n/m;

/**
 * What stands in the changelog under the heading of what is not released yet.
 * @throws Refusal where there is no such heading, or nothing under it
 */
export function unreleasedEntries(changelog: string): string {
  const [, after] = changelog.split(UNRELEASED);
  const entries = after?.split(/^## /m)[0]?.trim();
  if (entries === undefined) throw new Refusal('CHANGELOG.md has no heading that ends in "(unreleased)"');
  if (!/^- /m.test(entries)) throw new Refusal('CHANGELOG.md has no entries under "(unreleased)"');
  return entries;
}

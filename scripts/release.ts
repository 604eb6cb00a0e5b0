/**
 * Makes a release: scripts/release VERSION (docs/releasing.md).
 *
 * All of it is made in a worktree of its own, in build/release: the commit with the new version, the gate on that very
 * commit, and the files from it. The branch and the tag follow when all is there, so that whatever fails before,
 * the checkout is as it was.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { compare, prerelease } from 'semver';
import { hasEngine } from './images.ts';
import { isVersion } from './is-version.ts';
import { ARCHITECTURES, isArchitecture } from './node-runtime.ts';
import { Refusal } from './refusal.ts';
import { releaseEdits, tellsVersion, unreleasedEntries } from './release-edits.ts';
import { checkFiles, describeFiles, type FilesOptions, makeFiles } from './release-files.ts';

const USAGE = `usage: scripts/release VERSION [--dry-run]

  --dry-run            tell what would be changed, and change nothing
  --sign-key FILE      sign the checksums with this SSH key
  --architecture NAME  amd64 or arm64, for executables and images; both without
  --without-images     where there is no Docker engine
  --skip-gate          without .ci/run; only for the test of this script`;

const BRANCH = 'main';

/** What a release is made of, once nothing speaks against it. */
interface Plan {
  readonly folder: string;
  readonly version: string;
  readonly head: string;
  /** The texts of files as they are and as they become, by their paths. */
  readonly before: ReadonlyMap<string, string>;
  readonly edits: ReadonlyMap<string, string>;
  /** The entries of the changelog. */
  readonly entries: string;
}

interface ReleaseOptions extends FilesOptions {
  readonly skipGate: boolean;
}

/** Standard output of git, without the last line's end. */
async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  return (await execa('git', args, { cwd })).stdout;
}

/**
 * Everything that can be known before anything is written.
 * @throws Refusal for what speaks against the release
 */
async function planRelease(folder: string, version: string): Promise<Plan> {
  if (!isVersion(version))
    throw new Refusal(`${version} is not a version as semver.org has it: 1.2.3, 1.2.3-rc.1`);
  const branch = await git(folder, 'branch', '--show-current');
  if (branch !== BRANCH)
    throw new Refusal(`releases are made on ${BRANCH}, and this is ${branch || 'no branch'}`);
  const changes = await git(folder, 'status', '--porcelain');
  if (changes !== '') throw new Refusal(`there is something that is not committed:\n${changes}`);

  const tags = (await git(folder, 'tag', '--list', 'v*')).split('\n').map((tag) => tag.slice(1));
  if (tags.includes(version)) throw new Refusal(`there is a tag v${version} already`);
  const latest = tags.filter(isVersion).sort(compare).at(-1);
  if (latest !== undefined && compare(version, latest) < 0) {
    throw new Refusal(`${version} is not greater than ${latest}, which is released`);
  }
  const manifest: { version: string } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  // What package.json says may be what is to be released first.
  if (compare(version, manifest.version) < 0) {
    throw new Refusal(`${version} is not greater than ${manifest.version}, which package.json says`);
  }

  const paths = (await git(folder, 'ls-files')).split('\n').filter(tellsVersion);
  const texts = await Promise.all(paths.map((path) => readFile(join(folder, path), 'utf8')));
  const before = new Map(paths.map((path, i) => [path, texts[i] ?? '']));
  const entries = unreleasedEntries(before.get('CHANGELOG.md') ?? '');
  return {
    folder,
    version,
    head: await git(folder, 'rev-parse', 'HEAD'),
    before,
    edits: releaseEdits(before, {
      from: manifest.version,
      to: version,
      date: new Date().toISOString().slice(0, 10),
    }),
    entries,
  };
}

/** The lines that change, as `-` and `+`. */
function describeEdits({ before, edits }: Plan): string {
  return [...edits]
    .flatMap(([path, text]) => {
      const [old, become] = [before.get(path)?.split('\n') ?? [], text.split('\n')];
      const lines = old.flatMap((line, i) => (line === become[i] ? [] : [`  - ${line}`, `  + ${become[i]}`]));
      return [path, ...lines];
    })
    .join('\n');
}

/**
 * Makes the commit, and what is published of it, beside the checkout.
 * @returns the commit
 */
async function makeRelease(plan: Plan, output: string, options: ReleaseOptions): Promise<string> {
  const { folder, version, head, edits } = plan;
  const worktree = join(output, 'checkout');
  await mkdir(output, { recursive: true });
  await git(folder, 'worktree', 'add', '--quiet', '--detach', worktree, head);
  try {
    for (const [path, text] of edits) await writeFile(join(worktree, path), text);
    await git(worktree, 'commit', '--quiet', '--all', '--message', `Release ${version}`);
    const commit = await git(worktree, 'rev-parse', 'HEAD');
    if (options.skipGate) console.error('the gate is skipped');
    else await execa({ cwd: worktree, stdio: 'inherit' })`.ci/run`;
    const files = await makeFiles({ version, commit, worktree, output, ...options });
    await checkFiles(output, version, options);
    console.log(await describeFiles(output, files));
    return commit;
  } finally {
    await git(folder, 'worktree', 'remove', '--force', worktree);
  }
}

/** Moves the branch to the commit, and puts the tag on it; both or nothing. */
async function publishHere({ folder, version, entries }: Plan, commit: string): Promise<void> {
  const message = `svc2ipt ${version}\n\n${entries}`;
  await git(folder, 'tag', '--annotate', '--cleanup=whitespace', '--message', message, `v${version}`, commit);
  try {
    await git(folder, 'merge', '--quiet', '--ff-only', commit);
  } catch (error) {
    await git(folder, 'tag', '--delete', `v${version}`);
    throw error;
  }
}

/** The commands that nobody but a person should give. */
function whatIsLeft(version: string): readonly string[] {
  const tag = prerelease(version) ? ' --tag next' : '';
  const stem = `build/release/svc2ipt-${version}`;
  const images = [version, `${version}-debug`].flatMap((name) => {
    const image = `YOUR-REGISTRY/svc2ipt:${name}`;
    const each = Object.keys(ARCHITECTURES).map((one) => `${image}-${one}`);
    return [
      ...Object.keys(ARCHITECTURES).map(
        (one, i) => `skopeo copy oci-archive:${stem}-image-${one}.tar:${name} docker://${each[i]}`,
      ),
      `docker manifest create ${image} ${each.join(' ')}`,
      `docker manifest push ${image}`,
    ];
  });
  return ['git push --follow-tags', `npm publish ${stem}.tgz${tag}`, ...images];
}

async function release(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean' },
      'sign-key': { type: 'string' },
      architecture: { type: 'string', multiple: true, default: Object.keys(ARCHITECTURES) },
      'without-images': { type: 'boolean', default: false },
      'skip-gate': { type: 'boolean', default: false },
    },
  });
  const [version] = positionals;
  if (version === undefined || positionals.length > 1) throw new Refusal(USAGE);
  const unknown = values.architecture.find((name) => !isArchitecture(name));
  if (unknown !== undefined)
    throw new Refusal(`${unknown} is none of ${Object.keys(ARCHITECTURES).join(', ')}`);
  const plan = await planRelease(process.cwd(), version);
  if (values['dry-run']) {
    console.log(describeEdits(plan));
    console.log(
      `\nThen the gate, the files, a commit and the tag v${version}, with these entries:\n\n${plan.entries}`,
    );
    console.log(`\nWhat is left for you then:\n\n  ${whatIsLeft(version).join('\n  ')}`);
    return;
  }
  if (!values['without-images'] && !(await hasEngine()))
    throw new Refusal(
      'no Docker engine answers, to make the images with: start one, or pass --without-images',
    );
  const output = join(plan.folder, 'build/release');
  const signKey = values['sign-key'];
  try {
    await rm(output, { recursive: true, force: true });
    // Of a run that was killed.
    await git(plan.folder, 'worktree', 'prune');
    const commit = await makeRelease(plan, output, {
      architectures: values.architecture.filter(isArchitecture),
      images: !values['without-images'],
      ...(signKey !== undefined && { signKey: resolve(signKey) }),
      skipGate: values['skip-gate'],
    });
    await publishHere(plan, commit);
    console.log(
      `${version} is released, on this machine only: a commit, the tag v${version}, and build/release.`,
    );
    console.log(`What is left for you:\n\n  ${whatIsLeft(version).join('\n  ')}`);
  } catch (error) {
    await rm(output, { recursive: true, force: true });
    throw error;
  }
}

try {
  await release(process.argv.slice(2));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

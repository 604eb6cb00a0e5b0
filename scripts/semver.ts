/** Versions as semver.org has them, without build metadata. */

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** Whether a text is a version; `v1.0.0` and `1.0` are none. */
export function isVersion(text: string): boolean {
  // A number in a pre-release has no leading zero.
  return VERSION.test(text) && !preRelease(text).some((part) => /^0\d+$/.test(part));
}

/** The parts of what stands after the hyphen: `1.0.0-rc.1` has `rc` and `1`. */
export function preRelease(version: string): string[] {
  return VERSION.exec(version)?.[4]?.split('.') ?? [];
}

/** Less than, equal to or greater than zero, as the first version is before, the same as or after the second. */
export function compareVersions(a: string, b: string): number {
  for (const i of [1, 2, 3]) {
    const difference = Number(VERSION.exec(a)?.[i]) - Number(VERSION.exec(b)?.[i]);
    if (difference !== 0) return difference;
  }
  const [before, after] = [preRelease(a), preRelease(b)];
  if (before.length === 0 || after.length === 0) return after.length - before.length;
  for (const [i, part] of before.entries()) {
    const other = after[i];
    if (other === undefined) return 1;
    if (part !== other) return comparePreReleaseParts(part, other);
  }
  return before.length - after.length;
}

/** Numbers before words, numbers by size, words by ASCII. */
function comparePreReleaseParts(a: string, b: string): number {
  const [left, right] = [Number(a), Number(b)];
  if (Number.isNaN(left) && Number.isNaN(right)) return a < b ? -1 : 1;
  if (Number.isNaN(left)) return 1;
  return Number.isNaN(right) ? -1 : left - right;
}

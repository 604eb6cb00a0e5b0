import { parse } from 'semver';

/** Whether a text is a version as semver.org has it, without build metadata; `v1.0.0` and `1.0` are none. */
export function isVersion(text: string): boolean {
  return parse(text)?.version === text;
}

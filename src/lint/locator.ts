/** Where findings are: for what shows them beside the lines of files. */
import type { Finding, PlaceOf } from './finding.ts';
import { type Position, positionsIn } from './positions.ts';

/** Where a finding is. */
export interface FindingLocation {
  /** The path of a file as the user named it; undefined for what is no file, such as standard input. */
  readonly file: string | undefined;
  readonly position: Position | undefined;
}

/**
 * Finds out where findings are, file by file as they are asked for.
 * @param files the texts of all files, without what is no file
 */
export function locator(
  placeOf: PlaceOf,
  files: readonly { readonly name: string; readonly text: string }[],
): (finding: Finding) => FindingLocation {
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const positions = new Map<string, ReturnType<typeof positionsIn>>();
  return (finding) => {
    const [file, ...place] = placeOf(finding);
    const text = file === undefined ? undefined : texts.get(file);
    if (file === undefined || text === undefined) return { file: undefined, position: undefined };
    if (finding.position !== undefined) return { file, position: finding.position };
    const positionOf = positions.get(file) ?? positionsIn(text);
    positions.set(file, positionOf);
    return { file, position: positionOf(place, finding.field ?? '') };
  };
}

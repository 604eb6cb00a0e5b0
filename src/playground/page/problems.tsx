/** Why what is shown is not of what has just been typed. */
import type { Look } from '../answers.ts';

export function Problems({
  problems,
  hasAnswer,
  look,
}: {
  readonly problems: readonly string[];
  readonly hasAnswer: boolean;
  readonly look: Look | undefined;
}) {
  if (problems.length === 0) return null;
  // The editor tells of what is wrong with its text.
  const told = look?.works === false && hasAnswer ? [] : problems;
  return (
    <div class="problems" role="status">
      <p>{hasAnswer ? 'This is of the last text that could be read.' : 'This text cannot be read yet.'}</p>
      {told.map((problem) => (
        <p key={problem}>{problem}</p>
      ))}
    </div>
  );
}

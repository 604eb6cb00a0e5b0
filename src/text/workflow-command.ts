/** What GitHub Actions takes from the output of a step: commands that make annotations beside the lines of a change. */

export type AnnotationLevel = 'error' | 'warning' | 'notice';

/** Where an annotation stands, and its title. What is undefined is left out. */
export interface AnnotationProperties {
  /** A path from the root of the repository. */
  readonly file?: string | undefined;
  /** Both count from 1. */
  readonly position?: { readonly line: number; readonly column: number } | undefined;
  readonly title?: string | undefined;
}

/** A workflow command on a line of its own. The message may have several lines. */
export function workflowCommand(
  level: AnnotationLevel,
  { file, position, title }: AnnotationProperties,
  message: string,
): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${property(file)}`]),
    ...(position === undefined ? [] : [`line=${position.line}`, `col=${position.column}`]),
    ...(title === undefined ? [] : [`title=${property(title)}`]),
  ].join(',');
  return `::${level}${properties === '' ? '' : ` ${properties}`}::${data(message)}\n`;
}

/** As the runner of workflows reads the message of a command. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** As it reads what stands before the message. */
function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** A text of an input. */
/** A text and what to call it. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
  /** Where it is no file that somebody wrote: no line of it says anything to its reader. */
  readonly origin?: 'standard input' | 'kustomization' | 'cluster';
}

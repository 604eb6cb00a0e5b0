/** A text of an input. */
/** A text and what to call it. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

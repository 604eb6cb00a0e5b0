/** Colours a part of a text, or leaves it as it is where there are no colours. */
export type Paint<Style extends string> = (style: Style, text: string) => string;

/** For where there are no colours. */
export const unpainted: Paint<string> = (_, text) => text;

/** How a text for people is laid out. */
export interface Printing<Style extends string> {
  /** Of a line, in characters; 80 unless given. */
  readonly width?: number | undefined;
  /** Colours; none unless given. */
  readonly paint?: Paint<Style> | undefined;
}

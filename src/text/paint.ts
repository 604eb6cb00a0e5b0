/** Colours a part of a text, or leaves it as it is where there are no colours. */
export type Paint<Style extends string> = (style: Style, text: string) => string;

/** How Services can be written as rules: the one list of names. `compiler/layouts.ts` must have a row for each. */

/** The first is what holds unless another is asked for. */
export const LAYOUT_NAMES = ['kube-proxy', 'fast'] as const;

export type LayoutName = (typeof LAYOUT_NAMES)[number];

export const DEFAULT_LAYOUT: LayoutName = LAYOUT_NAMES[0];

/** For people: `kube-proxy or fast`. */
export const LAYOUT_CHOICE = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(LAYOUT_NAMES);

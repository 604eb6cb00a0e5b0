/** Label selectors as a user types them, with the meaning that they have for kubectl (v1.36). */

/** Whether labels fit. */
export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = String.raw`[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?(?:/[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)?`;
const EQUALITY = new RegExp(String.raw`^(${KEY})\s*(==?|!=)\s*([-\w.]*)$`);
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([-\w.,\s]*)\)$`);
const EXISTENCE = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

/** Reads `app=web,tier!=cache,zone in (a,b),!old`; undefined where it is no selector. */
export function parseLabelSelector(text: string): LabelSelector | undefined {
  const requirements: LabelSelector[] = [];
  // A comma between parentheses is part of a list.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  }
  return (labels) => requirements.every((fits) => fits(labels));
}

function parseRequirement(text: string): LabelSelector | undefined {
  const [, key = '', operator, value = ''] = EQUALITY.exec(text) ?? [];
  if (operator !== undefined) return (labels) => (labels[key] === value) === (operator !== '!=');
  const [, listed = '', membership, list = ''] = SET.exec(text) ?? [];
  if (membership !== undefined) {
    const values = new Set(list.split(',').map((one) => one.trim()));
    // What has no such label is in no list.
    return (labels) => values.has(labels[listed] ?? NO_VALUE) === (membership === 'in');
  }
  const [, not, asked = ''] = EXISTENCE.exec(text) ?? [];
  return not === undefined ? undefined : (labels) => asked in labels === (not === '');
}

/** No label has it. */
const NO_VALUE = '\0';

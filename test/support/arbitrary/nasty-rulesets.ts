/** Rulesets whose texts are everything but names: validation refuses them, and drawings must bear them all the same. */
import fc from 'fast-check';
import type { Ruleset } from '../../../src/iptables/types.ts';

/** What ends strings, elements, comments and lines in DOT, Mermaid, HTML, JSON and SVG. */
const PIECES = [
  ...[
    '"',
    "'",
    '`',
    '\\',
    '\\"',
    '\\N',
    '\\n',
    '\n',
    '\r',
    '\t',
    '\0',
    '\u001b[31m',
    '\u2028',
    '\u202e',
    '\ufffe',
  ],
  ...[
    '</script>',
    '<script>window.broken=1</script>',
    '<!--',
    '-->',
    ']]>',
    '<b>',
    '<img src=x onerror=broken=1>',
  ],
  ...[
    '&',
    '&lt;',
    '&quot;',
    '#quot;',
    '#35;',
    '%%',
    '%%{init: {}}%%',
    ';',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '|',
    '-->',
  ],
  ...[
    'end',
    'subgraph',
    'click n0 href "javascript:broken=1"',
    'style n0 fill:red',
    '<<b>bold</b>>',
    'a',
    '/',
    ':',
    ' ',
  ],
  ...['\ud800', '\u{1f600}', 'ü', '</title>', '</svg>', '</style>', '\u003c', "'); broken = 1; ('"],
];

export const nastyText = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 5 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((pieces) => pieces.join(''));

/** A ruleset that says a text in every place that has room for one. */
export function nastyRuleset(text: string): Ruleset {
  const service = `KUBE-SVC-${'A'.repeat(16)}`;
  const endpoint = `KUBE-SEP-${'A'.repeat(16)}`;
  const comment = { match: 'comment', comment: `${text}/${text}:${text} cluster IP` } as const;
  return {
    family: 'ipv4',
    tables: [
      {
        name: 'filter',
        chains: [{ name: 'KUBE-SERVICES', rules: [{ matches: [comment], target: { target: 'REJECT' } }] }],
      },
      {
        name: 'nat',
        chains: [
          {
            name: 'KUBE-SERVICES',
            rules: [{ matches: [comment], target: { target: 'jump', chain: service } }],
          },
          {
            name: service,
            rules: [
              {
                matches: [{ match: 'in-interface', name: text }],
                target: { target: 'jump', chain: endpoint },
              },
              {
                matches: [{ match: 'statistic', probability: 0.5 }],
                target: { target: 'jump', chain: endpoint },
              },
              {
                matches: [{ match: 'unknown', words: [text] }],
                target: { target: 'jump', chain: `of ${text}` },
              },
            ],
          },
          { name: endpoint, rules: [{ matches: [comment], target: { target: 'DNAT', to: text } }] },
          {
            name: `of ${text}`,
            rules: [
              { matches: [{ match: 'nfacct', name: text }] },
              { matches: [], target: { target: 'unknown', words: ['-j', text] } },
              { matches: [], target: { target: 'jump', chain: `not there ${text}` } },
            ],
          },
        ],
      },
    ],
  };
}

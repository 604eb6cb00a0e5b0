/** What a report looks like in each format. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DiffLine } from '../text/unified-diff.ts';
import { goldenAnnotations } from './github.ts';
import { goldenJUnit } from './junit.ts';
import { goldenMarkdown } from './markdown.ts';
import {
  type ClusterReport,
  type FileReport,
  formatReport,
  formatReportJSON,
  type GoldenReport,
} from './report.ts';

const LINES: readonly DiffLine[] = [
  { kind: 'header', text: 'nat KUBE-SVC-A' },
  { kind: 'place', text: '@@ -1,1 +1,1 @@' },
  { kind: 'removed', text: '--A KUBE-SVC-A -j "<old>"' },
  { kind: 'added', text: '+-A KUBE-SVC-A -j "new"' },
];

const SHOP: ClusterReport = {
  cluster: 'shop',
  isThere: true,
  files: [
    { file: 'shop/ipv4.rules', change: 'changed', lines: LINES },
    { file: 'shop/ipv6.rules', change: 'none', lines: [] },
    { file: 'shop/node-a/ipv4.rules', change: 'removed', lines: [] },
  ],
  services: [
    {
      service: 'shop/web',
      sentences: [
        {
          sentence: 'shop/web:http: node port 30080/tcp comes',
          files: ['shop/ipv4.rules', 'shop/ipv6.rules'],
        },
        { sentence: 'shop/web:http: 50% <b>, *more*', files: ['shop/ipv4.rules'] },
      ],
      location: { file: 'clusters/shop/web.yaml', position: { line: 6, column: 1 } },
    },
    {
      service: '',
      sentences: [{ sentence: 'rules: 1 goes (nat KUBE-MARK-MASQ)', files: ['shop/ipv4.rules'] }],
      location: { file: 'golden/shop/ipv4.rules', position: undefined },
    },
  ],
  problems: [],
};
const GONE: ClusterReport = {
  cluster: 'gone',
  isThere: false,
  files: [{ file: 'gone/ipv4.rules', change: 'removed', lines: [] }],
  services: [],
  problems: [],
};
const NEW: ClusterReport = {
  cluster: '.',
  isThere: true,
  files: [{ file: 'ipv4.rules', change: 'added', lines: [] }],
  services: [],
  problems: [],
};
const BROKEN: ClusterReport = {
  cluster: 'broken',
  isThere: true,
  files: [],
  services: [],
  problems: [
    {
      problem: { at: ['clusters/broken/a.yaml', 'document 1'], message: 'expected `this`, got "that"' },
      location: { file: 'clusters/broken/a.yaml', position: { line: 2, column: 3 } },
    },
    {
      problem: { at: ['clusters/broken'], message: 'no Node in this cluster' },
      location: { file: undefined, position: undefined },
    },
  ],
};
const SAME: ClusterReport = {
  cluster: 'same',
  isThere: true,
  files: [{ file: 'same/ipv4.rules', change: 'none', lines: [] }],
  services: [],
  problems: [],
};

const ALL: GoldenReport = { golden: 'golden', clusters: [NEW, BROKEN, GONE, SAME, SHOP] };
const NOTHING: GoldenReport = { golden: 'golden', clusters: [SAME] };

const painted = ({ kind, text }: DiffLine) => `${kind}|${text}`;

test('text has the words before the lines', () => {
  expect(formatReport(ALL, painted, 60)).toBe(`header|ipv4.rules: there is no golden file
header|broken: could not be checked
header|gone/ipv4.rules: its cluster no longer exists
header|shop/node-a/ipv4.rules: its cluster no longer has such rules
header|shop
  shop/web
    shop/web:http: node port 30080/tcp comes (ipv4 and ipv6)
    shop/web:http: 50% <b>, *more* (ipv4)
  the node's own rules
    rules: 1 goes (nat KUBE-MARK-MASQ) (ipv4)

header|shop/ipv4.rules, nat KUBE-SVC-A
place|@@ -1,1 +1,1 @@
removed|--A KUBE-SVC-A -j "<old>"
added|+-A KUBE-SVC-A -j "new"
4 clusters, 6 golden files: 4 differ (svc2ipt golden update rewrites them)
1 cluster could not be checked
`);
});

test.each<[string, readonly ClusterReport[], string]>([
  ['nothing differs', [SAME], '1 cluster, 1 golden file: all the same\n'],
  [
    'there is nothing to compare',
    [BROKEN],
    'broken: could not be checked\n1 cluster, 0 golden files: nothing to compare\n1 cluster could not be checked\n',
  ],
  [
    'lines are left out',
    [{ ...SHOP, files: SHOP.files.slice(0, 1).map((file) => ({ ...file, lines: [] })), services: [] }],
    '1 cluster, 1 golden file: 1 differs (svc2ipt golden update rewrites them)\n',
  ],
])('text where %s', (_, clusters, expected) => {
  expect(formatReport({ golden: 'golden', clusters }, ({ text }) => text, 80)).toBe(expected);
});

test('clusters that change alike are told together, and others apart', () => {
  const cluster = (name: string, sentence: string): ClusterReport => ({
    ...SAME,
    cluster: name,
    services: [
      {
        service: 'shop/web',
        sentences: [{ sentence, files: [`${name}/ipv4.rules`] }],
        location: { file: 'a', position: undefined },
      },
    ],
  });
  const clusters = [cluster('a', 'one'), cluster('b', 'two'), cluster('c', 'one'), cluster('d', 'one')];
  const text = formatReport({ golden: '', clusters }, painted, 14);
  expect(text.split('\n').slice(0, 7)).toEqual([
    'header|a, c, d',
    '  shop/web',
    '    one (ipv4)',
    'header|b',
    '  shop/web',
    '    two (ipv4)',
    '4 clusters, 4 golden files: all the same',
  ]);
  const markdown = goldenMarkdown({ golden: '', clusters });
  expect(markdown.match(/^\*\*.*/gm)).toEqual(['**`a`**, **`c`**, **`d`**', '**`b`**']);
});

test('text fits the terminal', () => {
  const sentence = `shop/web: ${Array.from({ length: 20 }, (_, i) => `10.0.0.${i}:80`).join(', ')}`;
  const services = [
    {
      service: 'shop/web',
      sentences: [{ sentence, files: ['shop/ipv4.rules'] }],
      location: { file: 'a', position: undefined },
    },
  ];
  const lines = formatReport({ golden: '', clusters: [{ ...SAME, services }] }, ({ text }) => text, 40).split(
    '\n',
  );
  expect(lines.slice(2, 5)).toEqual([
    '    shop/web: 10.0.0.0:80, 10.0.0.1:80,',
    '      10.0.0.2:80, 10.0.0.3:80,',
    '      10.0.0.4:80, 10.0.0.5:80,',
  ]);
});

test('JSON has all of it', () => {
  expect(JSON.parse(formatReportJSON(ALL))).toEqual({
    clusters: [
      { cluster: '.', files: [{ file: 'ipv4.rules', change: 'added' }], services: [], problems: [] },
      {
        cluster: 'broken',
        files: [],
        services: [],
        problems: [
          {
            message: 'clusters/broken/a.yaml, document 1: expected `this`, got "that"',
            file: 'clusters/broken/a.yaml',
            line: 2,
            column: 3,
          },
          { message: 'clusters/broken: no Node in this cluster' },
        ],
      },
      {
        cluster: 'gone',
        files: [{ file: 'gone/ipv4.rules', change: 'removed' }],
        services: [],
        problems: [],
      },
      { cluster: 'same', files: [{ file: 'same/ipv4.rules', change: 'none' }], services: [], problems: [] },
      {
        cluster: 'shop',
        files: [
          { file: 'shop/ipv4.rules', change: 'changed', diff: LINES.map(({ text }) => text) },
          { file: 'shop/ipv6.rules', change: 'none' },
          { file: 'shop/node-a/ipv4.rules', change: 'removed' },
        ],
        services: [
          {
            service: 'shop/web',
            sentences: SHOP.services[0]?.sentences,
            file: 'clusters/shop/web.yaml',
            line: 6,
            column: 1,
          },
          { service: '', sentences: SHOP.services[1]?.sentences, file: 'golden/shop/ipv4.rules' },
        ],
        problems: [],
      },
    ],
  });
});

test('JUnit has a test for each golden file, and an error for each cluster that cannot be compiled', () => {
  expect(goldenJUnit(ALL)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="svc2ipt golden check" tests="7" failures="4" errors="1" skipped="0">
  <testsuite name="." tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="." name="ipv4.rules">
      <failure type="added" message="there is no golden file">there is no golden file</failure>
    </testcase>
  </testsuite>
  <testsuite name="broken" tests="1" failures="0" errors="1" skipped="0">
    <testcase classname="broken" name="can be compiled">
      <error type="problem" message="clusters/broken/a.yaml, document 1: expected \`this\`, got &quot;that&quot;">clusters/broken/a.yaml, document 1: expected \`this\`, got &quot;that&quot;
clusters/broken: no Node in this cluster</error>
    </testcase>
  </testsuite>
  <testsuite name="gone" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="gone" name="gone/ipv4.rules">
      <failure type="removed" message="its cluster no longer exists">its cluster no longer exists</failure>
    </testcase>
  </testsuite>
  <testsuite name="same" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="same" name="same/ipv4.rules"/>
  </testsuite>
  <testsuite name="shop" tests="3" failures="2" errors="0" skipped="0">
    <testcase classname="shop" name="shop/ipv4.rules">
      <failure type="changed" message="shop/web:http: node port 30080/tcp comes; shop/web:http: 50% &lt;b&gt;, *more*; rules: 1 goes (nat KUBE-MARK-MASQ)">shop/web:http: node port 30080/tcp comes
shop/web:http: 50% &lt;b&gt;, *more*
rules: 1 goes (nat KUBE-MARK-MASQ)
shop/ipv4.rules, nat KUBE-SVC-A
@@ -1,1 +1,1 @@
--A KUBE-SVC-A -j &quot;&lt;old&gt;&quot;
+-A KUBE-SVC-A -j &quot;new&quot;</failure>
    </testcase>
    <testcase classname="shop" name="shop/ipv6.rules"/>
    <testcase classname="shop" name="shop/node-a/ipv4.rules">
      <failure type="removed" message="its cluster no longer has such rules">its cluster no longer has such rules</failure>
    </testcase>
  </testsuite>
</testsuites>
`);
});

test('GitHub has problems first, then Services, then files as a whole', () => {
  expect(goldenAnnotations(ALL).split('\n')).toEqual([
    '::error file=clusters/broken/a.yaml,line=2,col=3,title=cluster broken could not be checked::clusters/broken/a.yaml, document 1: expected `this`, got "that"',
    '::error title=cluster broken could not be checked::clusters/broken: no Node in this cluster',
    '::error file=clusters/shop/web.yaml,line=6,col=1,title=rules change in cluster shop%3A shop/web::shop/web:http: node port 30080/tcp comes (ipv4 and ipv6)%0Ashop/web:http: 50%25 <b>, *more* (ipv4)',
    "::error file=golden/shop/ipv4.rules,title=rules change in cluster shop%3A the node's own rules::rules: 1 goes (nat KUBE-MARK-MASQ) (ipv4)",
    '::error file=golden/ipv4.rules,title=golden files::ipv4.rules: there is no golden file',
    '::error file=golden/gone/ipv4.rules,title=golden files::gone/ipv4.rules: its cluster no longer exists',
    '::error file=golden/shop/node-a/ipv4.rules,title=golden files::shop/node-a/ipv4.rules: its cluster no longer has such rules',
    '',
  ]);
  expect(goldenAnnotations(NOTHING)).toBe('');
});

describe('Markdown', () => {
  test('has the words, and the lines folded', () => {
    expect(goldenMarkdown(ALL)).toBe(`### Rules differ from their golden files

4 clusters, 6 golden files: 4 differ (svc2ipt golden update rewrites them); 1 cluster could not be checked.

**\`.\`**

- \`ipv4.rules\`: there is no golden file

**\`broken\`** could not be checked:

- \`\`clusters/broken/a.yaml, document 1: expected \`this\`, got "that"\`\`
- \`clusters/broken: no Node in this cluster\`

**\`gone\`**

- \`gone/ipv4.rules\`: its cluster no longer exists

**\`shop\`**

- \`shop/node-a/ipv4.rules\`: its cluster no longer has such rules

**\`shop\`**

- \`shop/web\`
  - shop/web:http: node port 30080/tcp comes (ipv4 and ipv6)
  - shop/web:http: 50% \\<b>, \\*more\\* (ipv4)
- the node's own rules
  - rules: 1 goes (nat KUBE-MARK-MASQ) (ipv4)

<details><summary>shop/ipv4.rules</summary>

\`\`\`diff
nat KUBE-SVC-A
@@ -1,1 +1,1 @@
--A KUBE-SVC-A -j "<old>"
+-A KUBE-SVC-A -j "new"
\`\`\`

</details>
`);
  });

  test.each<[string, readonly ClusterReport[], string]>([
    [
      'nothing differs',
      [SAME],
      '### Rules equal their golden files\n\n1 cluster, 1 golden file: all the same.\n',
    ],
    ['nothing could be compared', [BROKEN], '### Some golden files could not be checked\n'],
  ])('where %s', (_, clusters, expected) => {
    expect(goldenMarkdown({ golden: 'golden', clusters }).slice(0, expected.length)).toBe(expected);
  });

  const fileOf = (i: number, count: number): FileReport => ({
    file: `c${i}/ipv4.rules`,
    change: 'changed',
    lines: Array.from({ length: count }, (_, n) => ({
      kind: 'added',
      text: `+-A KUBE-SVC-A ${n} \`\`\` ${'x'.repeat(80)}`,
    })),
  });
  const clusterOf = (i: number, sentences: number, lines: number): ClusterReport => ({
    ...SAME,
    cluster: `c${i}`,
    files: [fileOf(i, lines)],
    services: Array.from({ length: sentences }, (_, n) => ({
      service: `shop/web-${n}`,
      sentences: [{ sentence: `shop/web-${n}: ${i} ${'word '.repeat(20)}`, files: [`c${i}/ipv4.rules`] }],
      location: { file: 'a', position: undefined },
    })),
  });

  test('that is too long tells how much is left out', () => {
    const clusters = Array.from({ length: 5 }, (_, i) => clusterOf(i, 100, 300));
    const text = goldenMarkdown({ golden: 'golden', clusters });
    expect(text.length).toBeLessThan(60_000);
    expect(text.match(/<details>/g)).toHaveLength(1);
    expect(text).toMatch(/\n\*\d+ more lines are left out\.\*\n\n<\/details>\n/);
    expect(text.split('\n').slice(-2)).toEqual([
      expect.stringMatching(
        /^\*Left out here: \d+ more lines of this summary, the differences of 4 more golden files\. `svc2ipt golden check` prints everything\.\*$/,
      ),
      '',
    ]);
    const [, told] = /Left out here: (\d+)/.exec(text) ?? [];
    // A line for each cluster, and two for each Service.
    expect(text.match(/^(?:\*\*|- | {2}- )/gm)?.length).toBe(5 * 201 - Number(told));
  });

  test('is never longer than GitHub takes, and closes what it opens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(200), fc.nat(1000)), { maxLength: 8 }), (sizes) => {
        const clusters = sizes.map(([sentences, lines], i) => clusterOf(i, sentences, lines));
        const text = goldenMarkdown({ golden: 'golden', clusters });
        expect(text.length).toBeLessThanOrEqual(65_536);
        const count = (of: RegExp) => text.match(of)?.length ?? 0;
        expect(count(/<details>/g)).toBe(count(/<\/details>/g));
        expect(count(/^```+diff$/gm)).toBe(count(/^```+$/gm));
        expect(
          text.includes('Left out here') ||
            count(/<details>/g) === sizes.filter(([, lines]) => lines > 0).length,
        ).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

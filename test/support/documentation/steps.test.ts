import { expect, test } from 'vitest';
import { isAgent } from './agents.ts';
import { needsRoot, stepsOf } from './steps.ts';

const PAGE = `
\`\`\`yaml web.yaml
a: 1
\`\`\`
\`\`\`yaml
b: 2
\`\`\`
\`\`\`text
$ not a command
\`\`\`
\`\`\`sh
ls
\`\`\`
\`\`\`console
$ pwd
/
\`\`\`
`;

test('a page is what its blocks do, in their order', () => {
  expect(stepsOf(PAGE)).toEqual([
    { kind: 'file', line: 3, name: 'web.yaml', text: 'a: 1\n' },
    { kind: 'yaml', line: 6, text: 'b: 2\n' },
    { kind: 'command', line: 12, text: 'ls', asRoot: false, output: undefined },
    { kind: 'command', line: 15, text: 'pwd', asRoot: false, output: ['/'] },
  ]);
});

test.each([
  [PAGE, false],
  [`${PAGE}\n\`\`\`console\n# id\n\`\`\``, true],
  [`${PAGE}\n\`\`\`sh\n# a comment\nid\n\`\`\``, false],
])('a page needs root for its prompts', (page, root) => expect(needsRoot(stepsOf(page))).toBe(root));

test.each([
  ['svc2ipt agent --manifests folder', true],
  ['svc2ipt agent --manifests folder # a folder; no cluster needed', true],
  ['svc2ipt agent --manifests folder &', false],
  ['svc2ipt agent --help', false],
  ['svc2ipt agent --write-config-to file', false],
  ['svc2ipt apply -f agent', false],
])('runs until it is ended: %s: %j', (command, expected) => expect(isAgent(command)).toBe(expected));

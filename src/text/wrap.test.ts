import { expect, test } from 'vitest';
import { wrap } from './wrap.ts';

test.each<[string, string, number, string, string[]]>([
  ['nothing', '', 10, '', ['']],
  ['what fits', 'one two', 7, '', ['one two']],
  ['what does not', 'one two three', 8, '', ['one two', 'three']],
  ['further lines behind a margin', 'one two three', 8, '  ', ['one two', '  three']],
  ['the margin of the text', '  one two', 6, '    ', ['  one', '    two']],
  ['a long word', 'a KUBE-SVC-E3PXEPMWAWIUT6ZV b', 8, '', ['a', 'KUBE-SVC-E3PXEPMWAWIUT6ZV', 'b']],
  ['two blanks, which belong together', 'one  two', 4, '', ['one  two']],
])('%s', (_, text, width, indent, expected) => {
  expect(wrap(text, width, indent)).toEqual(expected);
});

import { expect, test } from 'vitest';
import { type AnnotationProperties, workflowCommand } from './workflow-command.ts';

test.each<[AnnotationProperties, string, string]>([
  [{}, 'told', '::error::told\n'],
  [{ title: 'web' }, 'one\ntwo', '::error title=web::one%0Atwo\n'],
  [
    { file: 'a,b:c.yaml', position: { line: 2, column: 3 } },
    '50%',
    '::error file=a%2Cb%3Ac.yaml,line=2,col=3::50%25\n',
  ],
  [{ file: 'a.yaml', position: undefined, title: undefined }, '\r', '::error file=a.yaml::%0D\n'],
])('%j', (properties, message, expected) => {
  expect(workflowCommand('error', properties, message)).toBe(expected);
});

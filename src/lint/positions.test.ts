import { expect, test } from 'vitest';
import { positionsIn } from './positions.ts';

const YAML = `# A comment
kind: Service
spec:
  ports:
    - name: http
      port: 80
    - {name: dns, port: 53}
---
---
kind: List
items:
  - kind: Service
  - kind: Service
    spec: {externalIPs: [203.0.113.20]}
`;
const JSON_TEXT = JSON.stringify({ items: [{ spec: { clusterIP: '10.96.0.1' } }] }, undefined, 2);

test.each<[string, string, string[], string, string | undefined]>([
  ['a key', YAML, ['document 1'], 'spec.ports', '4:3'],
  ['an item of a list', YAML, ['document 1'], 'spec.ports[0]', '5:7'],
  ['a key in an item', YAML, ['document 1'], 'spec.ports[0].port', '6:7'],
  ['a key in an item on one line', YAML, ['document 1'], 'spec.ports[1].port', '7:19'],
  ['a field that is left out', YAML, ['document 1'], 'spec.ports[0].nodePort', '5:7'],
  ['a field that is left out with all around it', YAML, ['document 1'], 'status.loadBalancer', '2:1'],
  ['an item that is not there', YAML, ['document 1'], 'spec.ports[7]', '4:3'],
  ['an object in a list', YAML, ['document 3', 'items[1]'], 'spec.externalIPs[0]', '14:26'],
  ['an object in a list that says nothing', YAML, ['document 3', 'items[0]'], 'spec', '12:5'],
  ['JSON', JSON_TEXT, ['document 1', 'items[0]'], 'spec.clusterIP', '5:9'],
  ['an alias', 'a: &x {b: 1}\nspec: *x\n', ['document 1'], 'spec.b', '2:1'],
  ['a document that is not there', YAML, ['document 4'], 'spec', undefined],
  ['no document', YAML, [], 'spec', undefined],
  ['JSON that is several documents', '{"spec": 1}\n{"spec": 2}\n', ['document 2'], 'spec', undefined],
  ['what is not YAML', 'a: [\n', ['document 1'], 'a', undefined],
  ['what nests too deeply', '['.repeat(100_000), ['document 1'], 'a', undefined],
  ['what is too long', `spec: ${'x'.repeat(2_000_000)}`, ['document 1'], 'spec', undefined],
])('%s', (_, text, place, field, expected) => {
  const position = positionsIn(text)(place, field);
  expect(position && `${position.line}:${position.column}`).toBe(expected);
});

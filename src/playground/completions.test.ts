import { describe, expect, test } from 'vitest';
import { completionsAt } from './completions.ts';
import { FIELD_WORDS } from './field-words.ts';
import { yamlPlaceAt } from './yaml-place.ts';

/** A text with `|` where the cursor is. */
function typed(text: string): [text: string, offset: number] {
  return [text.replace('|', ''), text.indexOf('|')];
}

const SERVICE = 'apiVersion: v1\nkind: Service\n';

describe('a place in YAML', () => {
  test.each<[string, string, readonly string[], string | undefined]>([
    ['the top', `${SERVICE}sp|`, [], undefined],
    ['an empty line', `${SERVICE}spec:\n  |`, ['spec'], undefined],
    ['a value', `${SERVICE}spec:\n  type: Node|`, ['spec'], 'type'],
    ['a value that is not begun', `${SERVICE}spec:\n  type: |`, ['spec'], 'type'],
    ['an item of a list', `${SERVICE}spec:\n  ports:\n    - na|`, ['spec', 'ports'], undefined],
    [
      'behind the first field of an item',
      `${SERVICE}spec:\n  ports:\n    - name: a\n      p|`,
      ['spec', 'ports'],
      undefined,
    ],
    [
      'a list in the column of its field',
      `${SERVICE}spec:\n  ports:\n  - name: a\n    p|`,
      ['spec', 'ports'],
      undefined,
    ],
    ['behind a list', `${SERVICE}spec:\n  ports:\n    - port: 80\n  ty|`, ['spec'], undefined],
    ['in braces', `${SERVICE}spec:\n  ports:\n    - { port: 80, pro|`, ['spec', 'ports'], undefined],
    [
      'a value in braces',
      `${SERVICE}spec:\n  ports:\n    - { port: 80, protocol: U|`,
      ['spec', 'ports'],
      'protocol',
    ],
    ['braces behind a field', `${SERVICE}metadata: { na|`, ['metadata'], undefined],
    [
      'braces in braces',
      `${SERVICE}spec: { sessionAffinityConfig: { cl|`,
      ['spec', 'sessionAffinityConfig'],
      undefined,
    ],
    ['behind a comment', `${SERVICE}spec:\n# so\n  ty|`, ['spec'], undefined],
    ['behind another document', `${SERVICE}spec:\n  a:\n---\nkind: Pod\nspec:\n  no|`, ['spec'], undefined],
  ])('%s', (_, text, path, field) => {
    expect(yamlPlaceAt(...typed(text))).toMatchObject({ path, field });
  });

  test('a comment is none', () => {
    expect(yamlPlaceAt(...typed('# ab|'))).toBeUndefined();
  });

  test('its kind is that of its own document, wherever that stands', () => {
    expect(yamlPlaceAt(...typed('kind: Pod\n---\nspec:\n  ty|\nkind: Service\n---\nkind: Node'))?.kind).toBe(
      'Service',
    );
  });
});

const labels = (text: string, of: 'manifests' | 'configuration' = 'manifests') =>
  completionsAt(...typed(text), of).options.map(({ label }) => label);

describe('completion', () => {
  test.each<[string, string, readonly string[]]>([
    ['kinds', 'kind: |', ['Service', 'Pod', 'Deployment']],
    ['the version of a kind', 'kind: EndpointSlice\napiVersion: |', ['discovery.k8s.io/v1']],
    ['fields of an object', `${SERVICE}|`, ['metadata', 'spec', 'status']],
    ['fields of a type', `${SERVICE}spec:\n  |`, ['type', 'clusterIP', 'externalTrafficPolicy']],
    ['types', `${SERVICE}spec:\n  type: |`, ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']],
    ['policies', `${SERVICE}spec:\n  externalTrafficPolicy: |`, ['Cluster', 'Local']],
    ['protocols', `${SERVICE}spec:\n  ports:\n    - protocol: |`, ['TCP', 'UDP', 'SCTP']],
    ['true and false', `${SERVICE}spec:\n  publishNotReadyAddresses: |`, ['true', 'false']],
    ['fields of Pods', 'kind: Pod\nspec:\n  containers:\n    - |', ['image', 'name', 'ports']],
  ])('%s', (_, text, expected) => {
    expect(labels(text)).toEqual(expect.arrayContaining([...expected]));
  });

  test.each<[string, string, readonly string[]]>([
    ['fields', '|', ['apiVersion', 'clusterCIDR', 'iptables']],
    [
      'fields of a section',
      'kind: KubeProxyConfiguration\niptables:\n  |',
      ['masqueradeAll', 'masqueradeBit'],
    ],
    ['values', 'detectLocalMode: |', ['ClusterCIDR', 'NodeCIDR']],
  ])('of a configuration: %s', (_, text, expected) => {
    expect(labels(text, 'configuration')).toEqual(expect.arrayContaining([...expected]));
  });

  test('a field that is there is not offered again', () => {
    expect(labels(`${SERVICE}spec:\n  |\n  type: NodePort\n`)).not.toContain('type');
    expect(labels(`${SERVICE}spec:\n  ports:\n    - { port: 80, |`)).not.toContain('port');
  });

  test.each([
    ['labels are free', `${SERVICE}metadata:\n  labels:\n    |`],
    ['a field that there is not', `${SERVICE}spec:\n  nothing:\n    |`],
    ['a comment', '# |'],
  ])('nothing: %s', (_, text) => {
    expect(labels(text)).toEqual([]);
  });

  test('what is told of fields is told of fields that there are', () => {
    const unknown = Object.keys(FIELD_WORDS).filter((key) => {
      const [kind = '', ...path] = key.split('.');
      const value = /^[A-Z]/.test(path.at(-1) ?? '') ? path.pop() : undefined;
      const name = path.pop() ?? '';
      const indented = path.map((field, i) => `${'  '.repeat(i)}${field}:\n`).join('');
      const end = `${'  '.repeat(path.length)}${value === undefined ? '' : `${name}: `}|`;
      const of = kind === 'KubeProxyConfiguration' ? 'configuration' : 'manifests';
      return !labels(`kind: ${kind}\n${indented}${end}`, of).includes(value ?? name);
    });
    expect(unknown).toEqual([]);
  });
});

import { expect, test } from 'vitest';
import { compiledGraph } from '../../../test/support/graphs.ts';
import { loadBalancer, service, slice } from '../../../test/support/rules.ts';
import { pageData } from '../formats/page-data.ts';
import { search } from './search.ts';

const data = pageData(
  compiledGraph({
    objects: [
      loadBalancer({ ports: [{ name: 'http', port: 80, nodePort: 30080 }] }),
      service({ clusterIP: '10.96.0.11' }, { metadata: { name: 'api' } }),
      slice(['10.244.1.5', '10.244.1.6']),
    ],
  }),
  true,
);

test.each<[string, string[]]>([
  ['', []],
  [' ', []],
  ['nothing of that name', []],
  ['WEB', ['shop/web: Service']],
  ['shop/', ['shop/api: Service', 'shop/web: Service']],
  ['mark-masq', ['node: KUBE-MARK-MASQ']],
  ['kube-ext-', ['shop/web: KUBE-EXT']],
  ['10.96.0.11', ['shop/api: KUBE-SERVICES: tcp 10.96.0.11:80']],
  ['203.0.113.10:80', ['shop/web: KUBE-SERVICES: tcp 203.0.113.10:80']],
  ['port 30080', ['shop/web: KUBE-NODEPORTS: tcp port 30080']],
  ['10.244.1.6:8080', ['shop/web: KUBE-SVC: 1/2', 'shop/web: KUBE-SEP: tcp']],
  ['nodeports; NOTE', ['node: KUBE-SERVICES: to this node']],
])('%j', (query, expected) => {
  const hits = search(data, ['shop/api', 'shop/web'], query).map(
    ({ service = 'node', text }) => `${service}: ${text}`,
  );
  const found = hits.map((hit) => hit.replace(/(KUBE-\w+)-[A-Z2-7]{16}/, '$1'));
  expect(found.slice(0, expected.length)).toEqual(expected);
  if (expected.length === 0 || query.includes('.0.11')) expect(found).toEqual(expected);
});

test('what is found can be shown', () => {
  const [hit] = search(data, [], '10.96.0.11');
  expect(data.nodes[hit?.place ?? -1]).toMatchObject({ label: 'REJECT', service: 'shop/api' });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PageLink, printPageLink, readPageLink } from './page-link.ts';

const NOWHERE: PageLink = { namespace: undefined, chain: undefined };

test.each<[string, PageLink]>([
  ['', NOWHERE],
  ['#chain=nat/KUBE-SERVICES', { ...NOWHERE, chain: { table: 'nat', chain: 'KUBE-SERVICES' } }],
  ['#namespace=shop', { ...NOWHERE, namespace: 'shop' }],
  [
    '#chain=nat/KUBE-SVC-10.96.16.0%2F20&namespace=shop',
    { namespace: 'shop', chain: { table: 'nat', chain: 'KUBE-SVC-10.96.16.0/20' } },
  ],
  ['#chain=nat/%E2%80%A8%0A', { ...NOWHERE, chain: { table: 'nat', chain: '\u2028\n' } }],
])('%s', (fragment, link) => {
  expect(printPageLink(link)).toBe(fragment);
  expect(readPageLink(fragment)).toEqual(link);
});

test.each([['#'], ['#chain=nat'], ['#chain=/x'], ['#chain=nat/'], ['#nothing=known'], ['#%']])(
  'whoever writes %s gets nowhere',
  (fragment) => {
    expect(readPageLink(fragment)).toEqual(NOWHERE);
  },
);

test('whatever a chain is called, its link leads to it', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(name, name, (namespace, chain) => {
      const link = { namespace, chain: { table: 'nat', chain } };
      expect(readPageLink(printPageLink(link))).toEqual(link);
    }),
  );
});

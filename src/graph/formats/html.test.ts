import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nastyRuleset, nastyText } from '../../../test/support/arbitrary/nasty-rulesets.ts';
import { natOfTwoEndpoints } from '../../../test/support/graphs.ts';
import { graphOf } from '../graph.ts';
import { printHtml } from './html.ts';
import { pageData } from './page-data.ts';
import { pageScript } from './page-script.ts';

const script = await pageScript();

/** The data of a page, and the page without it. */
function taken(page: string): { data: string; rest: string } {
  const [, before = '', data = '', after = ''] =
    /^([\s\S]*id="data">)([\s\S]*?)(<\/script>[\s\S]*)$/i.exec(page) ?? [];
  return { data, rest: before + after };
}

test('the data of a chain: its rules as text, with comments and where they lead', () => {
  const { nodes } = pageData(natOfTwoEndpoints(), false);
  expect(nodes.find(({ label }) => label.startsWith('KUBE-SEP-'))).toEqual({
    kind: 'chain',
    label: 'KUBE-SEP-34ZZ2QFGO32YYXXO',
    table: 'nat',
    service: 'shop/web',
    about: ['10.244.1.5:8080'],
    rules: [
      {
        label: 'from 10.244.1.5',
        comment: 'shop/web:http',
        text: '-s 10.244.1.5 -j KUBE-MARK-MASQ',
        to: nodes.findIndex(({ label }) => label === 'KUBE-MARK-MASQ'),
      },
      {
        label: 'tcp',
        comment: 'shop/web:http',
        text: '-m tcp -p tcp -j DNAT --to-destination 10.244.1.5:8080',
        to: nodes.findIndex(({ label }) => label === 'DNAT 10.244.1.5:8080'),
      },
    ],
  });
});

test('whose endpoint it is, on the chain of an endpoint and where it sends to', () => {
  const names = new Map([['10.244.1.5', 'Pod web-1 on node-a']]);
  const { nodes } = pageData(natOfTwoEndpoints(), false, (address) => names.get(address));
  expect(nodes.flatMap(({ kind, about }) => (about ? [[kind, ...about]] : []))).toEqual([
    ['chain', '10.244.1.5:8080', 'Pod web-1 on node-a'],
    ['chain', '10.244.1.6:8080'],
    ['target', 'Pod web-1 on node-a'],
  ]);
});

test('a page asks nobody for anything, and runs its own script only', () => {
  const page = printHtml(pageData(natOfTwoEndpoints(), false), script);
  expect(page).not.toMatch(/\b(src|href)=|@import|url\((?!#)/);
  const digest = createHash('sha256').update(script).digest('base64');
  expect(page).toContain(`default-src 'none'; script-src 'sha256-${digest}';`);
});

test('the script is one that browsers read', () => {
  expect(script).not.toMatch(/<\/script|<!--/i);
  expect(script).not.toMatch(/^(import|export)\b/m);
  expect(() => new Script(`async () => {${script}}`)).not.toThrow();
});

test('whatever names are, they stay in the data', () => {
  const { rest: skeleton } = taken(printHtml({ family: 'ipv4', collapsed: true, nodes: [] }, script));
  fc.assert(
    fc.property(nastyText, (text) => {
      const wanted = pageData(graphOf(nastyRuleset(text)), true);
      const { data, rest } = taken(printHtml(wanted, script));
      expect(rest).toBe(skeleton);
      expect(JSON.parse(data)).toEqual(wanted);
      expect(data).not.toContain('<');
    }),
  );
});

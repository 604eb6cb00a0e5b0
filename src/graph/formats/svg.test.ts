import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nastyRuleset, nastyText } from '../../../test/support/arbitrary/nasty-rulesets.ts';
import { compiledGraph, natOfTwoEndpoints } from '../../../test/support/graphs.ts';
import { service, slice } from '../../../test/support/rules.ts';
import type { Theme } from '../arrangement/look.ts';
import { graphOf } from '../graph.ts';
import { pageData } from './page-data.ts';
import { printSvg } from './svg.ts';

const shop = compiledGraph({ objects: [service(), slice(['10.244.1.5', '10.244.1.6'])] });

test('a picture shows every chain by its name, and the share of each endpoint', () => {
  const svg = printSvg(pageData(shop, false));
  for (const { label } of shop.nodes) expect(svg).toContain(`>${label}</text>`);
  expect(svg.match(/>1\/2<\/text>/g)).toHaveLength(2);
});

test('a Service may be one box', () => {
  const svg = printSvg(pageData(shop, true));
  expect(svg).toContain('>shop/web (2 endpoints)</text>');
  expect(svg).not.toContain('KUBE-SEP-');
});

test('Services stand below the node, in a narrower picture', () => {
  const sizeOf = (svg: string) => (/ width="(\d+)" height="(\d+)"/.exec(svg) ?? []).slice(1).map(Number);
  const data = pageData(natOfTwoEndpoints(), false);
  const [[wide = 0, low = 0], [narrow = 0, high = 0]] = [
    sizeOf(printSvg(data, { direction: 'right' })),
    sizeOf(printSvg(data, { direction: 'down' })),
  ];
  expect(narrow).toBeLessThan(wide);
  expect(high).toBeGreaterThan(low);
});

describe('colours', () => {
  const [DAY, NIGHT] = ['.ground { fill: #f8fafc; }', '.ground { fill: #0f172a; }'];
  test.each<[Theme, boolean, boolean, boolean]>([
    ['auto', true, true, true],
    ['light', true, false, false],
    ['dark', false, true, false],
  ])('%s', (theme, day, night, asked) => {
    const svg = printSvg(pageData(shop, false), { theme });
    expect(svg.includes(DAY)).toBe(day);
    expect(svg.includes(NIGHT)).toBe(night);
    expect(svg.includes('prefers-color-scheme: dark')).toBe(asked);
  });
});

/** What a parser of XML makes of the texts of a picture. */
function textsOf(svg: string): string[] {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };
  return [...svg.matchAll(/<text [^<>]*>([^<>]*)<\/text>/g)].map(([, text = '']) =>
    text.replace(/&(lt|gt|quot|amp);/g, (whole, name: string) => entities[name] ?? whole),
  );
}

test('whatever names are, they are texts, and nothing is fetched or run', () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      const graph = graphOf(nastyRuleset(text));
      const svg = printSvg(pageData(graph, false));
      const texts = textsOf(svg);
      for (const { label } of graph.nodes) expect(texts).toContain(label);
      expect(svg.replace(/<(text|title)\b[^<>]*>[^<>]*<\/\1>/g, '')).not.toMatch(
        /<script|<!--|href|url\((?!#head\))|\son\w+=/i,
      );
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../../test/support/arbitrary/clusters.ts';
import { compiledGraph } from '../../../test/support/graphs.ts';
import { service, slice } from '../../../test/support/rules.ts';
import { compile } from '../../compiler/compile.ts';
import { pageData } from '../formats/page-data.ts';
import { graphOf } from '../graph.ts';
import { type Arrangement, arrange } from './arrangement.ts';
import { belongingsOf } from './belongings.ts';
import type { Area } from './frames.ts';
import { namespaceOfService } from './namespaces.ts';
import type { Direction, PageData } from './page-types.ts';

const measure = (text: string) => 7 * text.length;

function arranged(
  data: PageData,
  opened: readonly string[],
  { namespace, direction = 'right' }: { namespace?: string; direction?: Direction } = {},
): Arrangement {
  return arrange(data, belongingsOf(data), { opened: new Set(opened), namespace, direction }, measure);
}

const boxesOf = ({ frames }: Arrangement) => frames.flatMap(({ boxes }) => boxes);

function overlap(a: Area, b: Area): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function isWithin(inner: Area, outer: Area): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

/** Pages of random clusters, with some of their Services opened. */
const pages = fc
  .tuple(rawCluster, fc.infiniteStream(fc.boolean()), fc.boolean())
  .map(([raw, choice, down]) => {
    const { cluster, node, options } = load(raw);
    const data = pageData(graphOf(compile(cluster, node, options('ipv4'))), true);
    const services = [...belongingsOf(data).services.keys()];
    const direction: Direction = down ? 'down' : 'right';
    return { data, services, opened: services.filter(() => choice.next().value), direction };
  });

describe('random clusters', () => {
  test('nothing covers anything else', () => {
    fc.assert(
      fc.property(pages, ({ data, opened, direction }) => {
        const arrangement = arranged(data, opened, { direction });
        const { frames, collapsed, width, height } = arrangement;
        const areas: readonly Area[] = [...frames, ...(collapsed ? [collapsed] : [])];
        const boxes: readonly Area[] = [...boxesOf(arrangement), ...(collapsed?.cells ?? [])];
        for (const group of [areas, boxes]) {
          for (const [i, a] of group.entries()) {
            expect(isWithin(a, { x: 0, y: 0, width, height })).toBe(true);
            for (const b of group.slice(i + 1)) expect(overlap(a, b)).toBe(false);
          }
        }
        for (const frame of frames) for (const box of frame.boxes) expect(isWithin(box, frame)).toBe(true);
      }),
    );
  });

  test('everything is drawn once: the boxes of the node and of opened Services, and cells', () => {
    fc.assert(
      fc.property(pages, ({ data, services, opened }) => {
        const arrangement = arranged(data, opened);
        const isDrawn = ({ service }: { service?: string }) =>
          service === undefined || opened.includes(service);
        const expected = data.nodes.flatMap((node, id) => (isDrawn(node) ? [id] : []));
        expect(
          boxesOf(arrangement)
            .map(({ id }) => id)
            .sort((a, b) => a - b),
        ).toEqual(expected);
        const cells = arrangement.collapsed?.cells.map(({ service }) => service) ?? [];
        expect(cells).toEqual(services.filter((service) => !opened.includes(service)));
      }),
    );
  });

  test('of one namespace, what is not of another', () => {
    fc.assert(
      fc.property(pages, ({ data, services, opened, direction }) => {
        const [first] = services;
        if (first === undefined) return;
        const namespace = namespaceOfService(first);
        const drawn = arranged(data, opened, { namespace, direction });
        const shown = [...drawn.frames, ...(drawn.collapsed?.cells ?? [])].flatMap(
          ({ service }) => service ?? [],
        );
        expect(shown.sort()).toEqual(
          services.filter((name) => namespaceOfService(name) === namespace).sort(),
        );
        for (const { to } of drawn.arrows) if (to === undefined) expect(drawn.collapsed).toBeDefined();
      }),
    );
  });

  test('arrows go nowhere outside of the drawing', () => {
    fc.assert(
      fc.property(pages, ({ data, opened, direction }) => {
        const { arrows, width, height } = arranged(data, opened, { direction });
        for (const { path } of arrows) {
          const places = [...path.matchAll(/(-?[\d.e-]+) (-?[\d.e-]+)/g)].map(([, x, y]) => [
            Number(x),
            Number(y),
          ]);
          for (const [x = -1, y = -1] of places) {
            expect(x >= 0 && x <= width && y >= 0 && y <= height).toBe(true);
          }
        }
      }),
    );
  });

  test('every jump between boxes is an arrow', () => {
    fc.assert(
      fc.property(pages, ({ data, opened }) => {
        const arrangement = arranged(data, opened);
        const drawn = new Set(boxesOf(arrangement).map(({ id }) => id));
        const jumps = data.nodes.flatMap(({ rules }, from) =>
          rules.flatMap(({ to }) =>
            drawn.has(from) && to !== undefined && drawn.has(to) ? [`${from} ${to}`] : [],
          ),
        );
        const arrows = arrangement.arrows.flatMap(({ from, to }) =>
          to === undefined ? [] : [`${from} ${to}`],
        );
        expect(arrows.sort()).toEqual(jumps.sort());
      }),
    );
  });
});

describe('rows of a chain', () => {
  const other = { metadata: { name: 'api', namespace: 'bank' } };
  const data = pageData(
    compiledGraph({
      objects: [service(), service({ clusterIP: '10.96.0.11' }, other), slice(['10.244.1.5', '10.244.1.6'])],
    }),
    true,
  );

  test.each<[string, string[], Record<string, string[]>, string?]>([
    [
      'those of other namespaces are not drawn',
      ['shop/web'],
      {
        'nat KUBE-SERVICES': ['1 rule of another namespace', 'to this node'],
        'filter KUBE-SERVICES': ['1 rule of a Service'],
      },
      'bank',
    ],
    [
      'one for all rules of collapsed Services that follow each other',
      [],
      {
        'nat KUBE-SERVICES': ['1 rule of a Service', 'to this node'],
        'filter KUBE-SERVICES': ['1 rule of a Service'],
      },
    ],
    [
      'one for each rule of opened ones',
      ['shop/web', 'bank/api'],
      {
        'nat KUBE-SERVICES': ['tcp 10.96.0.10:80', 'to this node'],
        'filter KUBE-SERVICES': ['tcp 10.96.0.11:80'],
        'nat KUBE-MARK-MASQ': ['all'],
      },
    ],
  ])('%s', (_, opened, expected, namespace) => {
    const rows = new Map(
      boxesOf(arranged(data, opened, namespace === undefined ? {} : { namespace })).map(({ node, rows }) => [
        `${node.table} ${node.label}`,
        rows.map(({ text }) => text),
      ]),
    );
    for (const [chain, texts] of Object.entries(expected)) expect(rows.get(chain)).toEqual(texts);
  });

  test('with the share of each endpoint, and the way back in words', () => {
    const box = boxesOf(arranged(data, ['shop/web'])).find(({ node }) => node.label.startsWith('KUBE-SVC-'));
    expect(box?.rows.map(({ text, aside }) => [text, aside])).toEqual([
      ['tcp 10.96.0.10:80, not from 10.244.0.0/16', '\u2192 KUBE-MARK-MASQ'],
      ['1/2', ''],
      ['1/2', ''],
    ]);
  });
});

/** Figures of the layouts as pictures. */
import * as echarts from 'echarts';
import type { Figures } from './layout-figures.ts';

/** Each as an SVG, by the name of its file. */
export function plots(figures: readonly Figures[]): [name: string, svg: string][] {
  const ofTen = figures.filter(({ size }) => size.endpoints === 10 && size.services >= 1000);
  return [
    [
      'cold-load',
      plot('From objects in memory to rules in the kernel', 's', ofTen, ({ coldLoad }) => coldLoad / 1000),
    ],
    [
      'change',
      plot('One endpoint moves: iptables-restore', 'ms', ofTen, ({ endpointMoves }) => endpointMoves.kernel),
    ],
    [
      'connect',
      plot('Connecting through the last service, p50', 'µs', ofTen, ({ connect }) => connect.last?.p50),
    ],
    [
      'connect-p99',
      plot('Connecting through the last service, p99', 'µs', ofTen, ({ connect }) => connect.last?.p99),
    ],
    [
      'connections',
      plot(
        'Connections a second through the last service',
        '',
        ofTen,
        ({ connect }) => connect.last?.perSecond,
      ),
    ],
    ['memory', plot('Memory of iptables-restore', 'MB', ofTen, ({ restoreMemory }) => restoreMemory / 1e6)],
    ['rules', plot('Rules', '', ofTen, ({ rules }) => rules)],
  ];
}

const COLOURS = { kube: '#c2562d', fast: '#2d6cc2' } as const;

/** Services of 10 endpoints from left to right; both axes logarithmic. */
function plot(
  title: string,
  unit: string,
  figures: readonly Figures[],
  of: (figures: Figures) => number | undefined,
): string {
  const lines = Map.groupBy(figures, ({ backend, layout }) => `${layout} layout, ${backend}`);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 720, height: 440 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    // Nothing measures texts here, so there is room for what is wider than it seems.
    legend: { bottom: 0, itemGap: 36 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: {
      type: 'log',
      name: 'services x 10 endpoints',
      nameLocation: 'middle',
      nameGap: 28,
      min: 1000,
      max: 20_000,
    },
    yAxis: { type: 'log', name: unit },
    series: [...lines].map(([name, points]) => ({
      name,
      type: 'line',
      symbolSize: 7,
      lineStyle: { type: name.endsWith('legacy') ? 'dashed' : 'solid' },
      color: name.startsWith('fast') ? COLOURS.fast : COLOURS.kube,
      symbol: name.endsWith('legacy') ? 'emptyCircle' : 'circle',
      data: points.map((point) => [point.size.services, Number(of(point)?.toPrecision(4) ?? Number.NaN)]),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

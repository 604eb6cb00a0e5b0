/** `svc2ipt graph`: a cluster's chains as boxes, and the jumps between them as arrows. */
import { collapse } from '../../graph/collapse.ts';
import { graphOf } from '../../graph/graph.ts';
import type { Direction, RuleGraph } from '../../graph/types.ts';
import { readInputWithWorkloads } from '../inputs.ts';
import { progress } from '../progress.ts';
import { type CommandOutcome, note } from '../run.ts';
import { compileServices, onlyTable } from '../service-rules.ts';
import type { GraphCommandOptions } from './graph.command.ts';

export async function graphAction(options: GraphCommandOptions): Promise<CommandOutcome> {
  const { family, service, table, output, direction, collapse } = options;
  const ruleset = onlyTable(compileServices(await readInputWithWorkloads(options), family, service), table);
  return { output: await FORMATS[output](graphOf(ruleset), { direction, collapsed: collapse }) };
}

interface Look {
  readonly direction: Direction;
  readonly collapsed: boolean | undefined;
}

type Format = (graph: RuleGraph, look: Look) => Promise<string>;

const FORMATS: Readonly<Record<GraphCommandOptions['output'], Format>> = { dot, mermaid, svg, html };

async function dot(graph: RuleGraph, { direction, collapsed }: Look): Promise<string> {
  const { printDot } = await import('../../graph/formats/dot.ts');
  return printDot(collapsed ? collapse(graph) : graph, direction);
}

async function mermaid(graph: RuleGraph, { direction, collapsed }: Look): Promise<string> {
  const { MOST_MERMAID_EDGES, printMermaid } = await import('../../graph/formats/mermaid.ts');
  const drawn = collapsed ? collapse(graph) : graph;
  if (drawn.edges.length > MOST_MERMAID_EDGES) {
    note(
      `${drawn.edges.length} arrows: Mermaid draws ${MOST_MERMAID_EDGES} unless its maxEdges says otherwise; ` +
        `--service or --collapse make them fewer`,
    );
  }
  return printMermaid(drawn, direction);
}

/** Graphviz takes a second or more, all of it in one step. */
const SLOW_SVG_EDGES = 500;

/** Graphviz takes some seconds for so many arrows, and from there on soon minutes. */
const MOST_SVG_EDGES = 2000;

async function svg(graph: RuleGraph, { direction, collapsed }: Look): Promise<string> {
  const tooMany = graph.edges.length > MOST_SVG_EDGES;
  if (tooMany && collapsed === undefined) {
    note(
      `${graph.edges.length} arrows: each Service is drawn as one box; --service draws some of them in full, ` +
        `-o html opens them by a click, --no-collapse draws everything and takes its time`,
    );
  }
  const { drawSvg } = await import('../../graph/formats/svg.ts');
  if (graph.edges.length > SLOW_SVG_EDGES) (await progress('drawing', 0))(0, 1);
  return await drawSvg(await dot(graph, { direction, collapsed: collapsed ?? tooMany }));
}

/** A page with more Services, all opened, is longer than anybody wants to look through. */
const MOST_OPENED = 20;

async function html(graph: RuleGraph, { collapsed }: Look): Promise<string> {
  const [{ pageData }, { pageScript }, { printHtml }] = await Promise.all([
    import('../../graph/formats/page-data.ts'),
    import('../../graph/formats/page-script.ts'),
    import('../../graph/formats/html.ts'),
  ]);
  const services = new Set(graph.nodes.map(({ service }) => service).filter((name) => name !== undefined));
  const tooMany = services.size > MOST_OPENED;
  if (tooMany && collapsed === undefined) {
    note(`${services.size} Services: each is one box until it is opened; --no-collapse opens all of them`);
  }
  return printHtml(pageData(graph, collapsed ?? tooMany), await pageScript());
}

/** `svc2ipt graph`: a cluster's chains as boxes, and the jumps between them as arrows. */

import { InputError } from '../../api/problem.ts';
import type { Theme } from '../../graph/arrangement/look.ts';
import type { Direction } from '../../graph/arrangement/page-types.ts';
import { collapse } from '../../graph/collapse.ts';
import { graphOf } from '../../graph/graph.ts';
import { onlyServices, savedRuleset } from '../../graph/saved.ts';
import { servicesOfRules } from '../../graph/services.ts';
import type { RuleGraph } from '../../graph/types.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { type CompilerInput, eachNode } from '../../library/compiler-input.ts';
import { servicesNamed, thingsOf } from '../../library/names.ts';
import type { RulesSource } from '../../library/rules.ts';
import { compileServices, onlyTable, servicesToShow } from '../../library/service-rules.ts';
import { isNarrowed, shownOf } from '../../library/shown.ts';
import { type PodNames, podNames } from '../../names/pod-names.ts';
import { readInputWithWorkloads, readManifests } from '../inputs.ts';
import { folderForNodes, type OutputFile, writeFiles } from '../output-files.ts';
import { openRules, openSavedText, savedIn } from '../rules.ts';
import { type CommandOutcome, note, warn } from '../run.ts';
import type { GraphCommandOptions } from './graph.command.ts';

export async function graphAction(options: GraphCommandOptions): Promise<CommandOutcome> {
  const { family, table, output, direction, theme, collapse: collapsed } = options;
  const folder = folderForNodes(options);
  const draw = (ruleset: Ruleset, input: Pick<CompilerInput, 'pods'> | undefined) => {
    const nameOf = podNames(input?.pods.values() ?? []);
    return FORMATS[output].draw(graphOf(onlyTable(ruleset, table)), { direction, theme, collapsed, nameOf });
  };
  const saved = await openSavedOrKernel(options);
  if ('rules' in saved) return { output: await draw(await savedRules(saved, options), saved.input) };

  const services = servicesToShow(saved, options.service, options);
  const drawn = (input: CompilerInput) => draw(compileServices(input, family, services, warn), input);
  if (folder === undefined) return { output: await drawn(saved) };
  const name = `${family}.${FORMATS[output].extension}`;
  const files: OutputFile[] = [];
  for (const input of eachNode(saved, options)) {
    files.push({ folder: input.node.name, name, text: await drawn(input) });
  }
  return { output: await writeFiles(folder, files) };
}

/** The rules that `--save` or `--kernel` names, or that are piped in as iptables-save prints them; else the input. */
async function openSavedOrKernel(options: GraphCommandOptions): Promise<RulesSource | CompilerInput> {
  if (options.backend !== undefined && options.kernel === undefined) {
    throw new InputError([{ at: ['--backend'], message: 'needs --kernel' }]);
  }
  if (options.save !== undefined || options.kernel !== undefined)
    return await openRules(options, { families: [options.family] });
  const sources = await readManifests(options);
  const saved = savedIn(sources);
  if (saved === undefined)
    return await readInputWithWorkloads(options, { sources: Promise.resolve(sources) });
  if (options.allNodes === undefined) return await openSavedText(options, saved);
  throw new InputError([{ at: ['--all-nodes'], message: 'saved rules are of one node' }]);
}

async function savedRules(source: RulesSource, options: GraphCommandOptions): Promise<Ruleset> {
  const { text } = source.rules(options.family);
  const ruleset = savedRuleset(text(), options.family);
  if (options.service === undefined) {
    if (!isNarrowed(options)) return ruleset;
    return onlyServices(ruleset, shownOf(options, source.input ? [source.input] : []).service);
  }
  const things = thingsOf(source, options.family);
  const services = new Set(servicesNamed(options.service, things, options));
  const there = servicesOfRules(ruleset);
  for (const service of services) if (!there.has(service)) warn(`no rule belongs to Service ${service}`);
  return onlyServices(ruleset, (service) => services.has(service));
}

interface Look {
  readonly direction: Direction;
  readonly theme: Theme;
  readonly nameOf: PodNames;
  readonly collapsed: boolean | undefined;
}

type Format = (graph: RuleGraph, look: Look) => Promise<string>;

const FORMATS: Readonly<
  Record<GraphCommandOptions['output'], { readonly draw: Format; readonly extension: string }>
> = {
  dot: { draw: dot, extension: 'dot' },
  mermaid: { draw: mermaid, extension: 'mmd' },
  svg: { draw: svg, extension: 'svg' },
  html: { draw: html, extension: 'html' },
};

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

/** A picture of more arrows is longer than anybody wants to look through, and browsers take seconds to show it. */
const MOST_SVG_EDGES = 2000;

async function svg(graph: RuleGraph, { direction, collapsed, theme, nameOf }: Look): Promise<string> {
  const tooMany = graph.edges.length > MOST_SVG_EDGES;
  if (tooMany && collapsed === undefined) {
    note(
      `${graph.edges.length} arrows: each Service is drawn as one box; --service draws some of them in full, ` +
        `-o html opens them by a click, --no-collapse draws everything`,
    );
  }
  const [{ pageData }, { printSvg }] = await Promise.all([
    import('../../graph/formats/page-data.ts'),
    import('../../graph/formats/svg.ts'),
  ]);
  return printSvg(pageData(graph, collapsed ?? tooMany, nameOf), { direction, theme });
}

/** A page with more Services, all opened, is longer than anybody wants to look through. */
const MOST_OPENED = 20;

async function html(graph: RuleGraph, { collapsed, theme, nameOf }: Look): Promise<string> {
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
  return printHtml(pageData(graph, collapsed ?? tooMany, nameOf), await pageScript(), theme);
}

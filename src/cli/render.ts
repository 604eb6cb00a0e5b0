/** `svc2ipt render`: the rules of a cluster given as files. */
import { InputError, show } from '../api/problem.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Ruleset, TableName } from '../iptables/types.ts';
import { type ClusterOptions, type CompilerInput, readInput } from './inputs.ts';
import { type Outcome, warn } from './run.ts';

export interface RenderOptions extends ClusterOptions {
  readonly family: 'ipv4' | 'ipv6';
  readonly table?: TableName;
  readonly service?: string;
  readonly output: 'restore' | 'json' | 'yaml';
}

export async function render(options: RenderOptions): Promise<Outcome> {
  const input = await readInput(options);
  const ruleset = rulesOf(input, input.options(options.family), options.service);
  const tables = ruleset.tables.filter(({ name }) => options.table === undefined || name === options.table);
  return { output: await format({ ...ruleset, tables }, options.output) };
}

function rulesOf(
  { cluster, node }: CompilerInput,
  options: CompileOptions,
  service: string | undefined,
): Ruleset {
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(cluster);
  if (service === undefined) return compiler.ruleset();

  const entry = cluster.services.get(service);
  if (!entry) {
    const namesakes = [...cluster.services.keys()].filter((name) => name.endsWith(`/${service}`));
    const hint = namesakes.length > 0 ? ` (${namesakes.join(' or ')}?)` : '';
    throw new InputError([
      {
        at: ['--service'],
        message: `no Service ${show(service)} in the input, expected NAMESPACE/NAME${hint}`,
      },
    ]);
  }
  if (!compiler.has(service)) warn(`Service ${service}: has no rules of its own in ${options.family}`);
  return compiler.ruleset(new Set([service]));
}

async function format(ruleset: Ruleset, output: RenderOptions['output']): Promise<string> {
  switch (output) {
    case 'restore':
      return printRuleset(ruleset);
    case 'json':
      return `${JSON.stringify(ruleset, undefined, 2)}\n`;
    case 'yaml':
      return (await import('yaml')).stringify(ruleset, { lineWidth: 0, aliasDuplicateObjects: false });
  }
}

/** `svc2ipt render`: the rules of a cluster given as files. */
import { printRuleset } from '../../iptables/print.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { readInputWithWorkloads } from '../inputs.ts';
import type { CommandOutcome } from '../run.ts';
import { compileServices, onlyTable } from '../service-rules.ts';
import type { RenderCommandOptions } from './render.command.ts';

export async function renderAction(options: RenderCommandOptions): Promise<CommandOutcome> {
  const input = await readInputWithWorkloads(options);
  const services = options.service === undefined ? undefined : [options.service];
  const ruleset = compileServices(input, options.family, services);
  return { output: await format(onlyTable(ruleset, options.table), options.output) };
}

async function format(ruleset: Ruleset, output: RenderCommandOptions['output']): Promise<string> {
  switch (output) {
    case 'restore':
      return printRuleset(ruleset);
    case 'json':
      return `${JSON.stringify(ruleset, undefined, 2)}\n`;
    case 'yaml':
      return (await import('yaml')).stringify(ruleset, { lineWidth: 0, aliasDuplicateObjects: false });
  }
}

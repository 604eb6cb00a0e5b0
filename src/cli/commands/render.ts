/** `svc2ipt render`: the rules of a cluster given as files. */
import { printRuleset } from '../../iptables/print.ts';
import type { Ruleset } from '../../iptables/types.ts';
import { type CompilerInput, eachNode } from '../../library/compiler-input.ts';
import { compileServices, onlyTable, servicesToShow } from '../../library/service-rules.ts';
import { readInputWithWorkloads } from '../inputs.ts';
import { folderForNodes, type OutputFile, writeFiles } from '../output-files.ts';
import { type CommandOutcome, warn } from '../run.ts';
import type { RenderCommandOptions } from './render.command.ts';

export async function renderAction(options: RenderCommandOptions): Promise<CommandOutcome> {
  const folder = folderForNodes(options);
  const input = await readInputWithWorkloads(options);
  const named = options.service === undefined ? undefined : [options.service];
  const services = servicesToShow(input, named, options);
  const textFor = (input: CompilerInput) => {
    const ruleset = compileServices(input, options.family, services, warn);
    return format(onlyTable(ruleset, options.table), options.output);
  };
  if (folder === undefined) return { output: await textFor(input) };
  const name = `${options.family}.${EXTENSIONS[options.output]}`;
  const files = eachNode(input, options).map(async (ofNode): Promise<OutputFile> => {
    return { folder: ofNode.node.name, name, text: await textFor(ofNode) };
  });
  return { output: await writeFiles(folder, await Promise.all(files)) };
}

/** Those of golden files for text. */
const EXTENSIONS: Readonly<Record<RenderCommandOptions['output'], string>> = {
  restore: 'rules',
  json: 'json',
  yaml: 'yaml',
};

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

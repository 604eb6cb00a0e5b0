/** `svc2ipt apply`: makes this node's kernel hold the rules of a cluster given as files. */
import { Applier, type ApplyResult, type TableResult } from '../../applier/applier.ts';
import type { IptablesHost } from '../../applier/host.ts';
import { followRules, nodeKernel } from '../../applier/node-kernel.ts';
import type { KernelTables } from '../../applier/tables.ts';
import { UdpFlows } from '../../applier/udp-flows.ts';
import { IncrementalCompiler } from '../../compiler/incremental.ts';
import type { CompilerInput } from '../../library/compiler-input.ts';
import { readInput } from '../inputs.ts';
import { thisNode } from '../node.ts';
import { progress, type Report, together } from '../progress.ts';
import { type CommandOutcome, warn } from '../run.ts';
import type { ApplyCommandOptions } from './apply.command.ts';

interface FamilyOutcome extends ApplyResult {
  /** Rules of ours in the kernel, afterwards. */
  readonly rules: number;
  /** Kinds of UDP flow that were deleted, since they went where no rule sends them any more. */
  readonly flowsDeleted: number;
}

export async function applyAction(options: ApplyCommandOptions): Promise<CommandOutcome> {
  const { iptables, facts } = await thisNode(options.backend);
  const input = await readInput(options, facts);
  const dryRun = options.dryRun ?? false;
  const written = together(await progress('writing'));
  // Each family has its own tables: they are written side by side.
  const outcomes = await Promise.all(iptables.map((host) => applyFamily(host, input, dryRun, written())));
  return { output: options.output === 'json' ? asJSON(outcomes, dryRun) : asText(outcomes, dryRun) };
}

async function applyFamily(
  host: IptablesHost,
  input: CompilerInput,
  dryRun: boolean,
  written: Report,
): Promise<FamilyOutcome> {
  const compiler = new IncrementalCompiler(input.node, input.options(host.family));
  compiler.update(input.cluster);
  const ruleset = compiler.ruleset();
  const kernel = nodeKernel(host);
  const flows = new UdpFlows(host.family, kernel);
  const applier = new Applier(host, reporting(flows.tables, written));
  const { filter, nat } = compiler.totals.rules;
  const rules = filter + nat;
  if (dryRun) return { ...(await applier.plan(ruleset)), rules, flowsDeleted: 0 };

  const udpDestinations = compiler.udpDestinations();
  flows.expect(udpDestinations);
  const result = await applier.apply(ruleset);
  const { flowsDeleted, warning } = await followRules(kernel, flows, {
    localhostNodePorts: compiler.nodePlan.localhostNodePorts,
    udpDestinations,
  });
  if (warning !== undefined) warn(warning);
  return { ...result, rules, flowsDeleted };
}

/** Tells how many lines of its input iptables-restore has taken. */
function reporting(kernel: KernelTables, written: Report): KernelTables {
  return {
    ...kernel,
    async restore(input, wanted) {
      const { lineCount, transactionCount } = input;
      const counted = function* () {
        let done = 0;
        for (const piece of input) {
          written(done, lineCount);
          yield piece;
          done += piece.split('\n').length - 1;
        }
      };
      await kernel.restore({ lineCount, transactionCount, [Symbol.iterator]: counted }, wanted);
    },
  };
}

function asJSON(outcomes: readonly FamilyOutcome[], dryRun: boolean): string {
  const families = outcomes.map(({ input, ...outcome }) => ({ ...outcome, restoreLines: input.lineCount }));
  return `${JSON.stringify({ dryRun, families }, undefined, 2)}\n`;
}

function asText(outcomes: readonly FamilyOutcome[], dryRun: boolean): string {
  return outcomes.map((outcome) => `${describe(outcome, dryRun).join('\n')}\n`).join('');
}

/** So many chains are named, of each kind. */
const NAMED = 10;

function describe(outcome: FamilyOutcome, dryRun: boolean): string[] {
  const { family, tables, rules, flowsDeleted, milliseconds, input } = outcome;
  if (input.isEmpty) return [`${family}: unchanged, ${rules} rules; nothing was written`];
  const sum = (count: (table: TableResult) => number) =>
    tables.reduce((total, table) => total + count(table), 0);
  const parts = [
    `${sum(({ added }) => added.length)} chains added`,
    `${sum(({ changed }) => changed.length)} changed`,
    `${sum(({ removed }) => removed.length)} removed`,
    `${sum(({ jumpsAdded }) => jumpsAdded)} jumps added`,
    `${sum(({ jumpsRemoved }) => jumpsRemoved)} removed`,
  ];
  const { read, plan, write } = milliseconds;
  const time = `read ${read.toFixed(0)} ms, planned ${plan.toFixed(0)} ms, written ${write.toFixed(0)} ms`;
  const flows = flowsDeleted > 0 ? `; ${flowsDeleted} stale UDP flows deleted` : '';
  const tense = dryRun ? 'would change: ' : '';
  return [
    `${family}: ${tense}${parts.join(', ')}; ${rules} rules${flows} (${dryRun ? `read ${read.toFixed(0)} ms` : time})`,
    ...tables.flatMap(({ table, added, changed, removed }) => [
      ...listed(`  ${table} +`, added),
      ...listed(`  ${table} ~`, changed),
      ...listed(`  ${table} -`, removed),
    ]),
  ];
}

function listed(label: string, chains: readonly string[]): string[] {
  if (chains.length === 0) return [];
  const more = chains.length > NAMED ? ` and ${chains.length - NAMED} more` : '';
  return [`${label} ${chains.slice(0, NAMED).join(' ')}${more}`];
}

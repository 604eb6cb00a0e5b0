/** Who writes rules of Services. */
import type { ProcessFacts } from '../../snapshot/snapshot.ts';
import type { Check } from '../check.ts';
import { processInWords } from '../listeners.ts';

export const writers: Check = {
  code: 'two-writers',
  title: 'No two programs write rules of Services.',
  severity: 'error',
  remedy: 'Stop all but one of them: each undoes what the other writes.',
  needs: 'node',
  find({ processes }) {
    const found = processes.filter(writesRules);
    if (found.length < 2) return [];
    return [
      {
        cause: `${found.length} programs write rules of Services in the same network.`,
        evidence: found.map((one) => `${processInWords(one)}: ${one.command.join(' ')}`),
      },
    ];
  },
};

/** kube-proxy, or an agent of svc2ipt, however it was started; not what only started one. */
function writesRules({ command }: ProcessFacts): boolean {
  const [program = '', ...args] = command;
  if (baseOf(program) === 'kube-proxy') return !args.includes('--cleanup');
  const script = baseOf(program).startsWith('node') ? args.findIndex((arg) => !arg.startsWith('-')) : -1;
  const called = script === -1 ? program : (args[script] ?? '');
  const isOurs = /^(?:kubectl-)?svc2ipt$/.test(baseOf(called)) || /\/cli\/main\.[jt]s$/.test(called);
  // A single executable has the flags of Node.js among its own arguments (src/cli/frugal.ts).
  const [subcommand] = args.slice(script + 1).filter((arg) => !arg.startsWith('--node-options='));
  return isOurs && subcommand === 'agent' && !args.includes('--init-only');
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

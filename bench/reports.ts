/** The benchmarks whose output is in BENCHMARKS.md, by the names of their marks there. */

const start = (...words: string[]) => ['scripts/bench-kernel', 'start', ...words];
const foreignHands = (...words: string[]) => ['scripts/bench-foreign-hands', '--layout', 'fast', ...words];
const soak = (...words: string[]) => ['scripts/soak', ...words];

export const REPORTS: Readonly<Record<string, readonly string[]>> = {
  compile: ['node', 'bench/compile.ts'],
  change: ['node', 'bench/change.ts'],
  startup: ['node', 'bench/startup.ts'],
  effects: ['node', 'bench/effects.ts'],
  playground: ['node', '--disable-warning=ExperimentalWarning', 'bench/playground.ts'],
  folder: ['node', 'bench/watched-folder.ts'],
  applier: ['scripts/bench-kernel', 'applier'],
  agent: soak('--layout', 'fast'),
  'first list': ['node', 'bench/lists.ts', '--rounds', '5'],
  livez: soak('--latencies', '0', '--changes', '4000', '--rate', '200'),
  'hostile clients': soak('--latencies', '0', '--changes', '1000', '--rate', '50', '--hostile'),
  'foreign hands on nft': foreignHands(),
  'foreign hands on legacy': foreignHands('--backend', 'legacy'),
  'start on nft': start('--sizes', '10x10,5000x10,20000x10,5000x50'),
  'start on legacy': start('--backend', 'legacy'),
  'start on legacy, kube-proxy layout': start('--backend', 'legacy', '--layout', 'kube-proxy'),
};

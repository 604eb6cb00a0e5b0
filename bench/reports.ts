/** The benchmarks whose output is in BENCHMARKS.md, by the names of their marks there. */

const start = (...words: string[]) => ['scripts/bench-kernel', 'start', ...words];

export const REPORTS: Readonly<Record<string, readonly string[]>> = {
  compile: ['node', 'bench/compile.ts'],
  change: ['node', 'bench/change.ts'],
  startup: ['node', 'bench/startup.ts'],
  effects: ['node', 'bench/effects.ts'],
  'start on nft': start('--sizes', '10x10,5000x10,20000x10,5000x50'),
  'start on legacy': start('--backend', 'legacy'),
  'start on legacy, kube-proxy layout': start('--backend', 'legacy', '--layout', 'kube-proxy'),
};

/**
 * `svc2ipt` as a single executable, which scripts/executable.ts makes: all programs of the package in one. As busybox, it
 * is the one whose name it is called by, so that a link named `kubectl-svc2ipt` is the plugin.
 */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { getAsset } from 'node:sea';
import { compileFunction } from 'node:vm';
import { ACCESS_PROCESS } from '../sources/kubernetes/access-word.ts';
import { begin } from './begin.ts';
import { becomeFrugal } from './frugal.ts';

const words = process.argv.slice(2);
if (words[0] === ACCESS_PROCESS) {
  // With the library that reads kubeconfigs, which no other start should have to read.
  const run = compileFunction(getAsset('access-process.js', 'utf8'), ['require', 'exports']);
  run(createRequire(process.execPath), {});
} else {
  becomeFrugal();
  const name = basename(process.argv0);
  begin(({ COMPLETE, start }) => {
    if (name === 'kubectl_complete-svc2ipt') return start('kubectl svc2ipt', [COMPLETE, ...words]);
    return start(name === 'kubectl-svc2ipt' ? 'kubectl svc2ipt' : 'svc2ipt');
  });
}

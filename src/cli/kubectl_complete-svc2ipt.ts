#!/usr/bin/env node
/** What kubectl calls (v1.26 and later) to complete the words behind `kubectl svc2ipt`. */
import { keepCompiled } from './compile-cache.ts';

keepCompiled();
void import('./start.ts').then(({ COMPLETE, start }) =>
  start('kubectl svc2ipt', [COMPLETE, ...process.argv.slice(2)]),
);

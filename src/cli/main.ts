#!/usr/bin/env node
/** `svc2ipt` */
import { keepCompiled } from './compile-cache.ts';
import { becomeFrugal } from './frugal.ts';

if (process.argv[2] === 'agent') becomeFrugal();
keepCompiled();
void import('./start.ts').then(({ start }) => start('svc2ipt'));

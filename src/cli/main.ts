#!/usr/bin/env node
/** `svc2ipt` */
import { keepCompiled } from './compile-cache.ts';

keepCompiled();
void import('./start.ts').then(({ start }) => start('svc2ipt'));

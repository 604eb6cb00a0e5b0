#!/usr/bin/env node
/** `kubectl svc2ipt`: kubectl calls programs of such a name as its own commands. */
import { keepCompiled } from './compile-cache.ts';

keepCompiled();
void import('./start.ts').then(({ start }) => start('kubectl svc2ipt'));

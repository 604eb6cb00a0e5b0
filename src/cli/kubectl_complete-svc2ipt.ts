#!/usr/bin/env node
/** What kubectl calls (v1.26 and later) to complete the words behind `kubectl svc2ipt`. */
import { begin } from './begin.ts';

begin(({ COMPLETE, start }) => start('kubectl svc2ipt', [COMPLETE, ...process.argv.slice(2)]));

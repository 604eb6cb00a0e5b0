#!/usr/bin/env node
/** `svc2ipt` */
import { start } from './start.ts';

await start('svc2ipt');

#!/usr/bin/env node
/** `kubectl svc2ipt`: kubectl calls programs of such a name as its own commands. */
import { start } from './start.ts';

await start('kubectl svc2ipt');

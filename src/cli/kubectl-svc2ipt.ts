#!/usr/bin/env node
/** `kubectl svc2ipt`: kubectl calls programs of such a name as its own commands. */
import { begin } from './begin.ts';
import { becomeFrugal } from './frugal.ts';

becomeFrugal();
begin(({ start }) => start('kubectl svc2ipt'));

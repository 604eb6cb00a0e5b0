#!/usr/bin/env node
/** `svc2ipt` */
import { begin } from './begin.ts';
import { becomeFrugal } from './frugal.ts';

becomeFrugal();
begin(({ start }) => start('svc2ipt'));

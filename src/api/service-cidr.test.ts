import { describe, expect, test } from 'vitest';
import { check, formatProblem } from './problem.ts';
import { rangesOf, serviceCIDRSchema } from './service-cidr.ts';

const RANGES = 'expected a CIDR range, or one of each family';

describe('a ServiceCIDR', () => {
  test.each<[unknown, readonly string[] | string]>([
    [{ cidrs: ['10.96.0.0/16'] }, ['10.96.0.0/16']],
    [{ cidrs: ['fd00:10:96:0::/112', '10.96.0.1/16'] }, ['fd00:10:96::/112', '10.96.0.0/16']],
    [{ cidrs: [] }, `spec.cidrs: ${RANGES}, got a list of 0`],
    [{ cidrs: ['10.96.0.0/16', '10.97.0.0/16'] }, `spec.cidrs: ${RANGES}, got a list of 2`],
    [{ cidrs: ['10.96.0.0'] }, 'spec.cidrs[0]: expected a CIDR range such as 10.0.0.0/8, got "10.96.0.0"'],
    [{}, `spec.cidrs: ${RANGES}, got nothing`],
  ])('%j', (spec, expected) => {
    const result = check(serviceCIDRSchema, { metadata: { name: 'kubernetes' }, spec }, []);
    expect(result.ok ? result.value.cidrs : result.problems.map(formatProblem).join()).toEqual(expected);
  });
});

test.each<[readonly (readonly string[])[], readonly string[]]>([
  [[], []],
  [
    [['10.100.0.0/24'], ['fd00::/112', '10.99.0.0/24']],
    ['10.99.0.0/24', '10.100.0.0/24', 'fd00::/112'],
  ],
  [[['10.96.0.0/16'], ['10.96.0.0/16']], ['10.96.0.0/16']],
  [
    [['10.96.7.0/24'], ['10.96.0.0/16'], ['10.97.0.0/16']],
    ['10.96.0.0/16', '10.97.0.0/16'],
  ],
])('the ranges of %j', (objects, expected) => {
  expect(rangesOf(objects.map((cidrs) => ({ cidrs })))).toEqual(expected);
});

import { expect, test } from 'vitest';
import { type WalkLine, walkSteps } from './walk-steps.ts';

const rule: WalkLine = {
  chain: 'KUBE-SVC-A',
  number: 2,
  answer: 'chance',
  comes: 1,
  fits: 0.5,
  reason: '1/2',
};
const step = { table: 'nat', chain: 'KUBE-SVC-A', number: 2, answer: 'chance', reason: '1/2' };
const stage = { table: 'nat', chain: 'PREROUTING', packets: [{ probability: 1 }], policy: undefined };

test.each<[string, Parameters<typeof walkSteps>[0], ReturnType<typeof walkSteps>]>([
  ['a rule', [{ ...stage, lines: [rule] }], [{ ...step, answer: 'chance', comes: 1, fits: 0.5 }]],
  [
    'of all packets, where only some come to a table',
    [{ ...stage, packets: [{ probability: 0.25 }, { probability: 0.25 }], lines: [rule] }],
    [{ ...step, answer: 'chance', comes: 0.5, fits: 0.25 }],
  ],
  [
    'rules that are left out',
    [{ ...stage, lines: [{ chain: 'KUBE-SERVICES', rest: 'no-match', rules: 12 }] }],
    [
      {
        table: 'nat',
        chain: 'KUBE-SERVICES',
        number: undefined,
        answer: 'no',
        comes: 1,
        fits: 0,
        reason: '12 rules: do not match',
      },
    ],
  ],
  [
    'the end of a chain',
    [{ ...stage, lines: [], policy: 'ACCEPT' }],
    [
      {
        table: 'nat',
        chain: 'PREROUTING',
        number: undefined,
        answer: 'yes',
        comes: 1,
        fits: 1,
        reason: 'end of the chain: policy ACCEPT',
      },
    ],
  ],
  ['no rule at all', [], []],
])('%s', (_, stages, expected) => {
  expect(walkSteps(stages)).toEqual(expected);
});

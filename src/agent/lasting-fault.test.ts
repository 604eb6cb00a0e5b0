import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LastingFault } from './lasting-fault.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** What happens when, in seconds: a message, or undefined where it goes well. */
type Story = readonly (readonly [seconds: number, message: string | undefined])[];

test.each<[string, Story, readonly string[]]>([
  ['what goes well is not told', [[0, undefined]], []],
  [
    'the same is told once',
    [
      [0, 'away'],
      [1, 'away'],
      [3, 'away'],
      [599, 'away'],
    ],
    ['0: away, 1 in 0 s'],
  ],
  [
    'and again after ten minutes, and after ten more',
    [
      [0, 'away'],
      [300, 'away'],
      [600, 'away'],
      [700, 'away'],
      [1200, 'away'],
    ],
    ['0: away, 1 in 0 s', '600: away, 3 in 600 s', '1200: away, 5 in 1200 s'],
  ],
  [
    'another is told at once, and what was told before it not again',
    [
      [0, 'away'],
      [2, 'hangs'],
      [6, 'away'],
      [14, 'hangs'],
    ],
    ['0: away, 1 in 0 s', '2: hangs, 2 in 2 s'],
  ],
  [
    'its end is told once, and what comes then is new',
    [
      [0, 'away'],
      [2, 'away'],
      [6, undefined],
      [7, undefined],
      [8, 'away'],
      [9, undefined],
    ],
    ['0: away, 1 in 0 s', '6: over, 2 in 6 s', '8: away, 1 in 0 s', '9: over, 1 in 1 s'],
  ],
])('%s', (_, story, expected) => {
  const fault = new LastingFault();
  const told: string[] = [];
  let now = 0;
  for (const [seconds, message] of story) {
    vi.advanceTimersByTime((seconds - now) * 1000);
    now = seconds;
    const tell = message === undefined ? fault.ended() : fault.happened(message);
    if (tell) told.push(`${seconds}: ${message ?? 'over'}, ${tell.attempts} in ${tell.seconds} s`);
  }
  expect(told).toEqual(expected);
});

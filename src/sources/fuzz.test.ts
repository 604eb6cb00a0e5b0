/**
 * Whatever is fed to the reader of manifests: it says what is wrong, or what comes of it is rules. Set FUZZ_RUNS for
 * more cases than a test run has time for; a case that fails prints the seed that makes it again.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mutate, mutations, variations, yamlText } from '../../test/support/arbitrary/mutations.ts';
import { grammarProblems } from '../../test/support/rule-grammar.ts';
import { everything, fixtureTexts, rulesOf, type Texts } from '../../test/support/texts.ts';
import { parseDocuments } from './documents.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 100);

/** A hang is what it is to catch; a case takes milliseconds. */
const TIMEOUT = 60_000 + RUNS * 100;

/** Throws where texts come to anything but rules or messages; whether it was rules. */
function accepted(texts: Texts): boolean {
  const outcome = rulesOf(texts);
  if ('refused' in outcome) {
    expect(outcome.refused.problems).not.toHaveLength(0);
    expectTold(outcome.refused.message.split('\n'));
    return false;
  }
  expectTold(outcome.warnings);
  const problems = [...outcome.rules].flatMap(([family, rules]) => grammarProblems(rules, family));
  expect(problems).toEqual([]);
  return true;
}

/** Every message names its text, stands on one line and writes nothing but letters to a terminal. */
function expectTold(messages: readonly string[]): void {
  const told = /^(objects|config|host)[^\p{C}\p{Zl}\p{Zp}]*$/u;
  expect(messages.filter((message) => !told.test(message))).toEqual([]);
}

const NOTHING: Texts = { objects: '', config: '', host: '' };
const EVERYTHING = await everything();
const FIXTURES = [...(await fixtureTexts()).values()];

/** Of a size that a case can be made of in no time. */
const SMALL = 20_000;
const texts = fc.oneof(
  fc.constant(EVERYTHING),
  fc.constantFrom(...FIXTURES.filter(({ objects }) => objects.length > 0 && objects.length < SMALL)),
);

describe('nothing but rules or messages', () => {
  test.each<[string, fc.Arbitrary<string>]>([
    ['any text', fc.string({ unit: 'binary', maxLength: 200 })],
    ['any text of YAML', yamlText],
    ['any value', fc.json()],
    [
      'any object',
      fc.json().map((spec) => `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: ${spec}}`),
    ],
  ])('from %s', { timeout: TIMEOUT }, (_, text) => {
    fc.assert(
      fc.property(text, fc.constantFrom('objects', 'config', 'host'), (text, where) => {
        accepted({ ...NOTHING, [where]: text });
      }),
      { numRuns: RUNS },
    );
  });

  test('from manifests as they are', () => {
    expect(FIXTURES.length).toBeGreaterThan(200);
    for (const texts of [EVERYTHING, ...FIXTURES]) expect(accepted(texts)).toBe(true);
  });

  test('from manifests with something done to them', { timeout: TIMEOUT }, () => {
    let rules = 0;
    fc.assert(
      fc.property(texts, fc.oneof(variations, mutations), ({ objects, config, host }, mutations) => {
        if (accepted({ objects: mutate(objects, mutations), config, host })) rules++;
      }),
      { numRuns: 3 * RUNS },
    );
    // Were next to none accepted, this would be no test of what is compiled.
    expect(rules).toBeGreaterThan(RUNS / 3);
  });

  test('from configurations and facts with something done to them', { timeout: TIMEOUT }, () => {
    fc.assert(
      fc.property(texts, mutations, mutations, ({ objects, config, host }, toConfig, toHost) => {
        accepted({ objects, config: mutate(config, toConfig), host });
        accepted({ objects, config, host: mutate(host, toHost) });
      }),
      { numRuns: RUNS },
    );
  });
});

/** A text of one piece over and over is where a parser that looks back takes the square of the time, or worse. */
test('no piece of YAML takes long for being repeated', { timeout: TIMEOUT }, () => {
  fc.assert(
    fc.property(
      yamlText,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('', '\n', ' '),
      fc.constantFrom('', 'a:\n  ', '{', '[', '"'),
      (text, length, between, before) => {
        parseDocuments({ name: 'f', text: before + `${text.slice(0, length)}${between}`.repeat(1500) });
      },
    ),
    { numRuns: RUNS / 10 },
  );
});

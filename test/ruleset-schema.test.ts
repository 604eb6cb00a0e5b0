/** The published schema of `svc2ipt render -o json` against what the compiler makes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compile } from '../src/compiler/compile.ts';
import type { Match, Rule, Target } from '../src/iptables/types.ts';
import { FAMILIES } from '../src/net/address.ts';
import { type CompilerInput, load, rawCluster } from './support/arbitrary/clusters.ts';
import { allFixtures, fixtureInput } from './support/fixture-input.ts';
import { MATCH_EXAMPLES } from './support/match-examples.ts';
import { PROJECT } from './support/project.ts';
import { inputOf, loadBalancer, slice } from './support/rules.ts';

const alternatives = z.looseObject({ oneOf: z.array(z.object({ $ref: z.string() })) });
const schemaShape = z.looseObject({
  $id: z.string(),
  $defs: z.looseObject({ match: alternatives, target: alternatives }),
});

const fixtures = await allFixtures();
const text = await readFile(join(PROJECT, 'schema/ruleset.schema.json'), 'utf8');
const schema = schemaShape.parse(JSON.parse(text));
const ajv = new Ajv2020({ strict: true, allErrors: true });
const validate = ajv.compile(schema);

/** What is wrong with a value, as the schema sees it. */
function problemsOf(value: unknown): string {
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

/** Rulesets of both families as JSON, as `render` would print them. */
function rendered({ cluster, node, options }: CompilerInput): unknown[] {
  return FAMILIES.map((family) => JSON.parse(JSON.stringify(compile(cluster, node, options(family)))));
}

describe('what the compiler makes', () => {
  test.each(fixtures)('$name', async (fixture) => {
    for (const ruleset of rendered(await fixtureInput(fixture))) expect(problemsOf(ruleset)).toBe('');
  });

  test('of any cluster', () => {
    fc.assert(
      fc.property(rawCluster, (raw) => {
        for (const ruleset of rendered(load(raw))) expect(problemsOf(ruleset)).toBe('');
      }),
    );
  }, 300_000);
});

describe('every kind of match and target in the schema occurs in some fixture', () => {
  const matches: Match[] = [];
  const targets: Target[] = [];
  beforeAll(async () => {
    for (const fixture of fixtures) {
      const { cluster, node, options } = await fixtureInput(fixture);
      for (const family of FAMILIES) {
        const { tables } = compile(cluster, node, options(family));
        for (const rule of tables.flatMap(({ chains }) => chains).flatMap(({ rules }) => rules)) {
          matches.push(...rule.matches);
          if (rule.target) targets.push(rule.target);
        }
      }
    }
  }, 300_000);
  const isA = ($ref: string) => ajv.getSchema(`${schema.$id}${$ref}`) ?? expect.fail(`no schema ${$ref}`);

  test.each(schema.$defs.match.oneOf)('$$ref', ({ $ref }) => {
    const is = isA($ref);
    expect(matches.some((match) => is(match))).toBe(true);
  });

  test.each(schema.$defs.target.oneOf)('$$ref', ({ $ref }) => {
    const is = isA($ref);
    expect(targets.some((target) => is(target))).toBe(true);
  });
});

describe('what is not a ruleset', () => {
  const ruleset = (rule: unknown, chain = 'KUBE-SERVICES') => ({
    family: 'ipv4',
    tables: [{ name: 'nat', chains: [{ name: chain, rules: [rule] }] }],
  });
  const matching = (match: unknown) => ruleset({ matches: [match] });
  const going = (target: unknown) => ruleset({ matches: [], target });
  const sound: Rule = {
    matches: [{ match: 'destination', address: '10.0.0.1' }],
    target: { target: 'jump', chain: 'KUBE-NODEPORTS' },
  };

  test('a sound rule is one', () => {
    expect(problemsOf(ruleset(sound))).toBe('');
  });

  test.each(Object.values(MATCH_EXAMPLES).filter(({ match }) => match !== 'unknown'))(
    'the compiler may make a match of any kind but an unknown one: $match',
    (match) => {
      expect(problemsOf(matching(match))).toBe('');
    },
  );

  test.each<[string, unknown]>([
    ['nothing', null],
    ['no family', { tables: [] }],
    ['a family that is none', { family: 'inet', tables: [] }],
    ['a field of no meaning', { family: 'ipv4', tables: [], kind: 'Ruleset' }],
    ['a table of another name', { family: 'ipv4', tables: [{ name: 'mangle', chains: [] }] }],
    [
      'a chain without rules',
      { family: 'ipv4', tables: [{ name: 'nat', chains: [{ name: 'KUBE-SERVICES' }] }] },
    ],
    ['a chain of somebody else', ruleset(sound, 'DOCKER')],
    ['a chain with a name that is too long', ruleset(sound, `KUBE-${'A'.repeat(24)}`)],
    ['a rule without matches', ruleset({ target: { target: 'ACCEPT' } })],
    ['a match of no kind', matching({ comment: 'hello' })],
    ['a match of an unknown kind', matching({ match: 'unknown', words: ['-m', 'time'] })],
    ['a match with a field of another', matching({ match: 'comment', comment: 'hello', negated: true })],
    ['a comment that is too long', matching({ match: 'comment', comment: 'x'.repeat(256) })],
    ['a protocol without ports', matching({ match: 'protocol', protocol: 'icmp' })],
    ['an address with a name', matching({ match: 'source', address: 'localhost' })],
    ['an address with a long prefix', matching({ match: 'source', address: '10.0.0.0/33' })],
    ['an address with spaces', matching({ match: 'source', address: '10.0.0.1 -j ACCEPT' })],
    ['negated: false', matching({ match: 'source', address: '10.0.0.1', negated: false })],
    ['port 0', matching({ match: 'destination-port', port: 0 })],
    ['half a port', matching({ match: 'destination-port', port: 80.5 })],
    ['an interface name that is too long', matching({ match: 'in-interface', name: 'abcdefghijklmno+' })],
    ['a mark of 33 bits', matching({ match: 'mark', value: 2 ** 32, mask: 1 })],
    ['no states', matching({ match: 'conntrack', states: [] })],
    ['certainty', matching({ match: 'statistic', probability: 1 })],
    ['impossibility', matching({ match: 'statistic', probability: 0 })],
    ['looking up without a time', matching({ match: 'recent', operation: 'rcheck', name: 'KUBE-SEP-A' })],
    ['adding with a time', matching({ match: 'recent', operation: 'set', name: 'KUBE-SEP-A', seconds: 1 })],
    ['an unknown verdict', going({ target: 'QUEUE' })],
    ['a verdict with a chain', going({ target: 'ACCEPT', chain: 'KUBE-SERVICES' })],
    ['a jump to nowhere', going({ target: 'jump' })],
    ['DNAT without a port', going({ target: 'DNAT', to: '10.0.0.1' })],
    ['DNAT to IPv6 without brackets', going({ target: 'DNAT', to: 'fd00::1:80' })],
  ])('%s', (_, value) => {
    expect(problemsOf(value)).not.toBe('');
  });
});

test('what --service and --table leave out is no breach', () => {
  const { cluster, node, options } = inputOf({ objects: [loadBalancer(), slice(['10.0.0.1'])] });
  const { family, tables } = compile(cluster, node, options('ipv4'));
  for (const table of tables) expect(problemsOf({ family, tables: [table] })).toBe('');
});

test('everything in the schema is described, and nothing else is let in', () => {
  const undescribed: string[] = [];
  const open: string[] = [];
  const visit = (path: string, value: unknown): void => {
    const node = z.looseObject({}).safeParse(value).data;
    if (!node) return;
    const properties = z.record(z.string(), z.unknown()).safeParse(node.properties).data ?? {};
    if (node.type === 'object' && node.additionalProperties !== false) open.push(path);
    for (const [name, property] of Object.entries(properties)) {
      const { description, $ref } = z.looseObject({}).parse(property);
      if (typeof description !== 'string' && typeof $ref !== 'string') undescribed.push(`${path}.${name}`);
      visit(`${path}.${name}`, property);
    }
  };
  visit('ruleset', schema);
  for (const [name, definition] of Object.entries(schema.$defs)) {
    if (typeof z.looseObject({}).parse(definition).description !== 'string') undescribed.push(name);
    visit(name, definition);
  }
  expect({ undescribed, open }).toEqual({ undescribed: [], open: [] });
});

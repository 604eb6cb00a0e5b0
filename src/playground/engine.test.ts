import { describe, expect, test } from 'vitest';
import { playgroundExamples } from '../../scripts/playground-examples.ts';
import { noManifests } from '../sources/cluster.ts';
import type { Answered, Inquiries, InquiryAnswers, InquiryKind } from './answers.ts';
import { loadInput } from './compiled.ts';
import { playgroundEngine } from './engine.ts';
import { fragmentOf, stateOfFragment } from './fragment.ts';
import { stateOfExample } from './state.ts';

const EXAMPLES = await playgroundExamples();
const engine = playgroundEngine();

function answerOf<Kind extends InquiryKind>(kind: Kind, inquiry: Inquiries[Kind]): InquiryAnswers[Kind] {
  const answered: Answered<Kind> = engine.answer(kind, inquiry);
  if (!answered.ok) throw new Error(answered.problems.join('\n'));
  return answered.answer;
}

describe.each(EXAMPLES)('example $name', (example) => {
  const state = stateOfExample(example);
  const input = state;
  const look = answerOf('look', { input });

  test('has no error, and a node', () => {
    expect(look.works).toBe(true);
    expect(look.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(look.nodes).toContain(look.node);
  });

  test('means something', () => {
    const { services, more } = answerOf('meaning', { input });
    expect(more).toBe(0);
    for (const { summary } of services) expect(summary).toMatch(/\.$/);
  });

  test('has rules, a picture of them, and both layouts', () => {
    const { tables, text, count } = answerOf('rules', { input, service: '' });
    expect(tables.map(({ table }) => table).slice(0, 2)).toEqual(['nat', 'filter']);
    expect(text).toMatch(/^\*filter\n[\s\S]*COMMIT\n$/);
    expect(count).toBeGreaterThan(10);
    expect(answerOf('picture', { input, service: '' }).data.nodes.length).toBeGreaterThan(10);
    expect(answerOf('layouts', { input, service: '' }).layouts.map(({ layout }) => layout)).toEqual([
      'kube-proxy',
      'fast',
    ]);
  });

  test('its packet goes somewhere, and so do those of all choices', () => {
    const { senders, targets } = look;
    const sent = targets.map(({ place }, i) => ({
      from: senders[i % senders.length]?.place ?? '',
      to: place,
    }));
    if (example.to !== undefined) sent.push({ from: example.from ?? '', to: example.to });
    for (const { from, to } of sent) {
      const { trace } = answerOf('packet', { input, from, to });
      expect(trace.sentence).toMatch(/\.$/);
      expect(trace.outcomes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1);
    }
  });

  test('packets of its ways do what the ways say', () => {
    const ways = answerOf('meaning', { input }).services.flatMap(({ ports }) =>
      ports.flatMap((port) => port.ways),
    );
    for (const { packet, verdict } of ways) {
      if (packet.to === '') continue;
      const { trace } = answerOf('packet', { input, ...packet });
      const isLost = trace.outcomes.every((outcome) => outcome.verdict !== 'ACCEPT');
      expect([packet, isLost]).toEqual([packet, verdict === 'REJECT' || verdict === 'DROP']);
    }
  });

  test('is compared with what was before', () => {
    const { services, difference } = answerOf('compare', { input, before: state.before });
    const isSame = state.before === state.manifests;
    expect([services.length === 0, difference.length === 0]).toEqual([isSame, isSame]);
  });

  test('is shared by its name', async () => {
    const isFirst = example === EXAMPLES[0];
    const fragment = await fragmentOf(state, EXAMPLES);
    expect(fragment).toBe(isFirst ? '' : `example=${example.name}`);
    expect(await stateOfFragment(fragment, EXAMPLES)).toEqual(state);
  });
});

const [first] = EXAMPLES;
const INPUT = first === undefined ? undefined : stateOfExample(first);

describe('what is wrong', () => {
  test.each<[string, 'manifests' | 'config', string, RegExp, number | undefined]>([
    ['YAML', 'manifests', 'kind: [', /not closed by/, 1],
    [
      'a field',
      'manifests',
      'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 0 }] }',
      /Expected 1 to 65535/,
      4,
    ],
    ['the configuration', 'config', 'iptables:\n  masqueradeBit: 99\n', /Expected 0 to 31/, 2],
    [
      'no Service',
      'manifests',
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: a }\n',
      /No Service/,
      undefined,
    ],
  ])('%s', (_, of, text, cause, line) => {
    if (INPUT === undefined) throw new Error('no example');
    const { findings } = answerOf('look', { input: { ...INPUT, [of]: text } });
    const found = findings.find((finding) => cause.test(finding.cause));
    expect(found).toMatchObject({ of: of === 'config' ? 'configuration' : 'manifests' });
    expect(found?.line).toBe(line);
  });

  test('an answer says what stands in its way', () => {
    if (INPUT === undefined) throw new Error('no example');
    const broken = { ...INPUT, manifests: 'kind: [' };
    expect(engine.answer('rules', { input: broken, service: '' })).toMatchObject({ ok: false });
    expect(engine.answer('packet', { input: INPUT, from: 'outside', to: 'nobody' })).toEqual({
      ok: false,
      problems: ['to: no Service or Pod "nobody" in the input'],
    });
  });

  test('the same texts are read alike, whatever was read before', () => {
    if (INPUT === undefined) throw new Error('no example');
    const alone = playgroundEngine().answer('meaning', { input: INPUT });
    answerOf('meaning', { input: { ...INPUT, manifests: INPUT.manifests.replace('30080', '30099') } });
    expect(engine.answer('meaning', { input: INPUT })).toEqual(alone);
    expect(loadInput(INPUT, noManifests()).node.name).toBe('node-a');
  });
});

import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { FAMILIES } from '../net/address.ts';
import { fragmentOf, stateOfFragment } from './fragment.ts';
import { type PlaygroundExample, stateOfExample, TABS } from './state.ts';

const common = { title: '', about: '', config: 'clusterCIDR: 10.244.0.0/16\n', node: 'node-a' };
const first: PlaygroundExample = { ...common, name: 'first', manifests: 'kind: Service\n' };
const second: PlaygroundExample = {
  ...common,
  name: 'second',
  manifests: 'kind: Pod\n',
  before: 'kind: Node\n',
};
const EXAMPLES = [first, second];

test('any state comes back', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(first.manifests, second.manifests));
  const states = fc.record({
    manifests: text,
    config: text,
    before: text,
    node: fc.string(),
    family: fc.constantFrom(...FAMILIES),
    layout: fc.constantFrom(undefined, ...LAYOUT_NAMES),
    tab: fc.constantFrom(...TABS),
    service: fc.string(),
    chain: fc.string(),
    from: fc.string(),
    to: fc.string(),
  });
  await fc.assert(
    fc.asyncProperty(states, async (state) => {
      // What is no Unicode cannot be in a link.
      const whole = Object.values(state).every((value) => value === undefined || value.isWellFormed());
      fc.pre(whole);
      const fragment = await fragmentOf(state, EXAMPLES);
      expect(fragment).toMatch(/^[\w.*+=&%/:~-]*$/);
      expect(await stateOfFragment(`#${fragment}`, EXAMPLES)).toEqual(state);
    }),
  );
});

describe('a fragment', () => {
  test('of what the page begins with is empty', async () => {
    expect(await fragmentOf(stateOfExample(first), EXAMPLES)).toBe('');
    expect(await stateOfFragment('', EXAMPLES)).toEqual(stateOfExample(first));
  });

  test('of an example names it, and what is chosen', async () => {
    const state = { ...stateOfExample(second), tab: 'packet', to: 'shop/web:80' } as const;
    expect(await fragmentOf(state, EXAMPLES)).toBe('example=second&tab=packet&to=shop/web:80');
  });

  test('of long manifests is much shorter than they are', async () => {
    const manifests = 'apiVersion: v1\nkind: Service\n---\n'.repeat(500);
    expect((await fragmentOf({ ...stateOfExample(first), manifests }, EXAMPLES)).length).toBeLessThan(500);
  });

  test.each([
    ['of another example', 'example=third'],
    ['that is no base64', 'manifests=%C3%A4'],
    ['that is not compressed', 'manifests=abcd'],
    ['that is cut off', 'manifests=S85ILElMSs0'],
    ['that is no UTF-8', `manifests=${deflateRawSync(Buffer.of(0xff)).toString('base64url')}`],
    [
      'that would fill a machine',
      `manifests=${deflateRawSync(Buffer.alloc(6_000_000, 'a')).toString('base64url')}`,
    ],
  ])('%s is none', async (_, fragment) => {
    expect(await stateOfFragment(fragment, EXAMPLES)).toBeUndefined();
  });

  test('with names that there are not has the usual ones', async () => {
    expect(await stateOfFragment('tab=x&family=ipv5&layout=y', EXAMPLES)).toEqual(stateOfExample(first));
  });
});

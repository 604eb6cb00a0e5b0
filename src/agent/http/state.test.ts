import { describe, expect, test } from 'vitest';
import { allFixtures, fixtureInput } from '../../../test/support/fixture-input.ts';
import { FAMILIES } from '../../net/address.ts';
import { describeState, type ServicePortState, statePage } from './state.ts';

const NEVER = new AbortController().signal;

const fixtures = await allFixtures();

describe('the state of', () => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('%s is JSON', async (_, fixture) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const inputs = FAMILIES.map((family) => ({ cluster, node, options: options(family) }));
    const servicePorts: ServicePortState[] = [];
    for (const input of inputs) for await (const ports of describeState(input)) servicePorts.push(...ports);
    const page = await statePage(node, inputs, NEVER);
    expect(page).toBe(`${JSON.stringify({ node, servicePorts }, null, 2)}\n`);
  });

  test('any cluster is given up when nobody waits for it', async () => {
    const [fixture] = fixtures;
    if (!fixture) throw new Error('no fixtures');
    const { cluster, node, options } = await fixtureInput(fixture);
    const input = { cluster, node, options: options('ipv4') };
    await expect(statePage(node, [input], AbortSignal.abort())).rejects.toThrow();
  });
});

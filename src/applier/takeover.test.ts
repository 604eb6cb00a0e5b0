/** What kube-proxy has written for a cluster is taken over as it stands, in whatever order it visited the Services. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { fixtureInput } from '../../test/support/fixture-input.ts';
import { kubeProxysTables } from '../../test/support/kube-proxy-rules.ts';
import { PROJECT } from '../../test/support/project.ts';
import { compile } from '../compiler/compile.ts';
import { findFixtures } from '../golden/fixtures.ts';
import { FAMILIES } from '../net/address.ts';
import { Applier } from './applier.ts';
import { iptablesPrograms } from './programs.ts';

const FIXTURES = await findFixtures(join(PROJECT, 'fixtures', 'conformance'));

const ORDERS = [1, 2, 3];

describe.each(FIXTURES)('$name', (fixture) => {
  test.each(FAMILIES)('%s: not a line', async (family) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const wanted = compile(cluster, node, options(family));
    const rules = await readFile(join(fixture.folder, `kube-proxy.${family}.rules`), 'utf8');
    for (const seed of ORDERS) {
      const kernel = new FakeKernel(family);
      expect(kernel.tryRestore(kubeProxysTables(rules, seed))).toBeUndefined();
      const { input } = await new Applier(iptablesPrograms(family, 'nft'), kernel).apply(wanted);
      expect(String(input)).toBe('');
    }
  });
});

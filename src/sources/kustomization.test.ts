import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildKustomization } from './kustomization.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  vi.stubEnv('PATH', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function install(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
}

const ECHO = 'echo "$0 $*" | /usr/bin/sed "s:.*/::"';

test('with kubectl where it is there', async () => {
  await install('kubectl', ECHO);
  await install('kustomize', 'exit 9');
  expect(await buildKustomization('a b; $(c)')).toEqual({
    name: 'a b; $(c)',
    text: 'kubectl kustomize a b; $(c)\n',
    origin: 'kustomization',
  });
});

test('else with kustomize', async () => {
  await install('kustomize', ECHO);
  expect((await buildKustomization('overlay')).text).toBe('kustomize build overlay\n');
});

test('where there is neither', async () => {
  await expect(buildKustomization('overlay')).rejects.toThrow(
    'overlay: building it needs kubectl or kustomize, and neither is installed\n' +
      'install one of them, or build it elsewhere and pass the manifests with -f',
  );
});

test('where it fails', async () => {
  await install('kubectl', 'echo "error: no kustomization.yaml" >&2; exit 1');
  await expect(buildKustomization('overlay')).rejects.toThrow(
    /^kubectl kustomize overlay ended with exit code 1: error: no kustomization\.yaml\n/,
  );
});

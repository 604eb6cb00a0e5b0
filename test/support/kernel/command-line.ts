/** `svc2ipt` itself, on the node of a lab. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../arbitrary/raw.ts';
import { MAIN } from '../project.ts';
import { CONFIGURATION, configurationText, HOST, type Lab } from './lab.ts';
import type { Backend } from './namespace.ts';

/** Another configuration, and other facts about the node, than a lab has. */
export interface Circumstances {
  readonly configuration?: Manifest;
  readonly host?: Manifest;
  /** Options of svc2ipt's own. */
  readonly own?: Manifest;
}

/** The words of a command that works on a cluster, with the cluster in a file. */
export async function clusterCommand(
  lab: Lab,
  backend: Backend,
  command: 'apply' | 'diff' | 'doctor',
  objects: readonly Manifest[],
  { configuration = {}, host = {}, own }: Circumstances = {},
): Promise<string[]> {
  const file = async (name: string, content: string) => {
    const path = join(lab.folder, name);
    await writeFile(path, content);
    return path;
  };
  return [
    process.execPath,
    MAIN,
    command,
    '--filename',
    await file('cluster.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })),
    '--config',
    await file('config.yaml', configurationText({ ...CONFIGURATION, ...configuration }, own)),
    '--host',
    await file('host.json', JSON.stringify({ ...HOST, ...host })),
    '--backend',
    backend,
  ];
}

/** Runs `svc2ipt apply` or `diff`. */
export async function svc2ipt(
  lab: Lab,
  backend: Backend,
  command: 'apply' | 'diff' | 'doctor',
  objects: readonly Manifest[],
  circumstances?: Circumstances,
) {
  return await lab.run('node', await clusterCommand(lab, backend, command, objects, circumstances));
}

export async function cleanup(lab: Lab, backend: Backend) {
  return await lab.run('node', [process.execPath, MAIN, 'cleanup', '--backend', backend]);
}

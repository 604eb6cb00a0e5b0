/**
 * The table of the fields that Kubernetes' objects have, by the models of its client library, which are made from the
 * OpenAPI document of a release. Who adds a kind that is read adds it here, too.
 */
import { readFile } from 'node:fs/promises';
import * as client from '@kubernetes/client-node';
import { z } from 'zod';

/** Each in the one version of its group that Kubernetes 1.36 serves. */
const KINDS = [
  { kind: 'CronJob', apiVersion: 'batch/v1', model: 'V1CronJob' },
  { kind: 'DaemonSet', apiVersion: 'apps/v1', model: 'V1DaemonSet' },
  { kind: 'Deployment', apiVersion: 'apps/v1', model: 'V1Deployment' },
  { kind: 'Endpoints', apiVersion: 'v1', model: 'V1Endpoints' },
  { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', model: 'V1EndpointSlice' },
  { kind: 'Job', apiVersion: 'batch/v1', model: 'V1Job' },
  { kind: 'Namespace', apiVersion: 'v1', model: 'V1Namespace' },
  { kind: 'Node', apiVersion: 'v1', model: 'V1Node' },
  { kind: 'Pod', apiVersion: 'v1', model: 'V1Pod' },
  { kind: 'ReplicaSet', apiVersion: 'apps/v1', model: 'V1ReplicaSet' },
  { kind: 'ReplicationController', apiVersion: 'v1', model: 'V1ReplicationController' },
  { kind: 'Service', apiVersion: 'v1', model: 'V1Service' },
  { kind: 'ServiceCIDR', apiVersion: 'networking.k8s.io/v1', model: 'V1ServiceCIDR' },
  { kind: 'StatefulSet', apiVersion: 'apps/v1', model: 'V1StatefulSet' },
] as const;

const MODELS: ReadonlyMap<string, unknown> = new Map(Object.entries(client));

const modelSchema = z.custom<{ getAttributeTypeMap(): readonly { baseName: string; type: string }[] }>(
  (value) => typeof value === 'function' && 'getAttributeTypeMap' in value,
);

/** The text of the module that holds the table. */
export async function fieldsTable(): Promise<string> {
  const types = new Map<string, string>();
  const modelOfName = new Map<string, string>();
  const visit = (model: string): string => {
    const name = model.replace('V1', '');
    const known = modelOfName.get(name);
    if (known === model) return name;
    if (known !== undefined) throw new Error(`${known} and ${model} would both be ${name}`);
    modelOfName.set(name, model);
    const fields = modelSchema.parse(MODELS.get(model)).getAttributeTypeMap();
    const words = fields.map(({ baseName, type }) => {
      const inner = modelIn(type);
      return inner === undefined ? baseName : `${baseName}:${visit(inner)}`;
    });
    types.set(name, words.sort().join(' '));
    return name;
  };
  const kinds = KINDS.map(
    ({ kind, apiVersion, model }) => `  ${kind}: { apiVersion: '${apiVersion}', type: '${visit(model)}' },\n`,
  );
  return `/**
 * The fields that objects have in the API of Kubernetes ${await release()}, also those that decide no rule. Written by
 * \`npm run fields\` from the models of the client library.
 */

/** The kinds whose fields are known, each with the version that is served and the type of the object. */
export const KINDS = {
${kinds.join('')}} as const;

/** The fields of each type: \`name\`, or \`name:type\` where it holds a value of a type, or a list of them. */
export const FIELDS_OF_TYPES: Readonly<Record<string, string>> = {
${[...types].map(row).sort().join('')}};
`;
}

/** The model in a type as the library writes it, such as `Array<V1ServicePort>`; undefined for texts, numbers and maps of them. */
function modelIn(type: string): string | undefined {
  const [, name = ''] = /^(?:Array<)?(\w+)>?$/.exec(type) ?? [];
  return modelSchema.safeParse(MODELS.get(name)).success ? name : undefined;
}

/** As the formatter has it, which breaks a line that is too long. */
function row([name, words]: readonly [string, string]): string {
  const line = `  ${name}: '${words}',`;
  return line.length <= 110 ? `${line}\n` : `  ${name}:\n    '${words}',\n`;
}

/** The release of Kubernetes that the models are made from, as their comments have it. */
async function release(): Promise<string> {
  const path = new URL('./gen/models/V1Pod.js', import.meta.resolve('@kubernetes/client-node'));
  const [, version] = /OpenAPI spec version: release-(\S+)/.exec(await readFile(path, 'utf8')) ?? [];
  if (version === undefined) throw new Error(`${path} does not tell its release of Kubernetes`);
  return version;
}

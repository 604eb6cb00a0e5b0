/** What can be typed at a place in manifests or a configuration: fields and values, by the schemas. */
import { z } from 'zod';
import { endpointSliceSchema } from '../api/endpoint-slice.ts';
import { kubeProxyConfigurationSchema, svc2iptSectionSchema } from '../api/kube-proxy-configuration.ts';
import { KINDS } from '../api/kubernetes-fields.ts';
import { serviceSchema } from '../api/service.ts';
import { fieldsOfType, type KnownKind } from '../api/unknown-fields.ts';
import { FIELD_WORDS } from './field-words.ts';
import { type YAMLPlace, yamlPlaceAt } from './yaml-place.ts';

/** Something that can be typed. */
export interface PossibleText {
  readonly label: string;
  /** What is written in its place. */
  readonly apply: string;
  readonly type: 'field' | 'value';
  /** What it is there for; undefined for what decides no rule. */
  readonly words: string | undefined;
}

/** What may be typed at a place, and where it begins. */
export interface PossibleTexts {
  /** In characters from the start of the text. */
  readonly from: number;
  readonly options: readonly PossibleText[];
}

/** The part of JSON Schema that is read here. */
interface Schema {
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly type?: string | readonly string[];
}

const schemaFrom = (schema: z.ZodType): (() => Schema) => {
  let made: Schema | undefined;
  return () => {
    // Its own types promise less than it makes.
    made ??= z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
    return made;
  };
};

/** Those that say which values a field can have, by kind. */
const SCHEMAS: Readonly<Record<string, () => Schema>> = {
  Service: schemaFrom(serviceSchema),
  EndpointSlice: schemaFrom(endpointSliceSchema),
  KubeProxyConfiguration: schemaFrom(kubeProxyConfigurationSchema),
  svc2ipt: schemaFrom(svc2iptSectionSchema),
};

/**
 * What can be typed in a text.
 * @param offset of the cursor, in characters
 * @param of a file of manifests, or a configuration
 * @returns no options where nothing is known to fit
 */
export function completionsAt(
  text: string,
  offset: number,
  of: 'manifests' | 'configuration',
): PossibleTexts {
  const place = yamlPlaceAt(text, offset);
  if (place === undefined) return { from: offset, options: [] };
  const { from, siblings, field } = place;
  const found = field === undefined ? fieldsAt(place, of) : valuesAt(place, field, of);
  return { from, options: found.filter(({ label }) => field !== undefined || !siblings.has(label)) };
}

function fieldsAt({ kind, path }: YAMLPlace, of: 'manifests' | 'configuration'): PossibleText[] {
  if (of === 'configuration') {
    const schema = propertiesOf(schemaAt(configurationSchema(path, kind), path));
    return Object.entries(schema?.properties ?? {}).map(([name, inner]) =>
      fieldText(name, kind ?? 'KubeProxyConfiguration', path, propertiesOf(inner) !== undefined),
    );
  }
  if (!isKnownKind(kind))
    return path.length > 0 ? [] : ['apiVersion', 'kind'].map((name) => fieldText(name, '', path, false));
  let type: string | undefined = KINDS[kind].type;
  for (const name of path) {
    type = fieldsOfType(type).get(name);
    if (type === undefined) return [];
  }
  return [...fieldsOfType(type)].map(([name, inner]) => fieldText(name, kind, path, inner !== undefined));
}

function fieldText(name: string, kind: string, path: readonly string[], opens: boolean): PossibleText {
  const words = FIELD_WORDS[[kind, ...path, name].join('.')];
  return { label: name, apply: opens ? `${name}:` : `${name}: `, type: 'field', words };
}

function valuesAt(
  { kind, path }: YAMLPlace,
  field: string,
  of: 'manifests' | 'configuration',
): PossibleText[] {
  const values = (found: readonly string[]): PossibleText[] =>
    found.map((label) => ({ label, apply: label, type: 'value', words: undefined }));
  if (of === 'configuration') {
    return values(valuesOf(schemaAt(configurationSchema(path, kind), [...path, field])));
  }
  if (path.length === 0 && field === 'kind') return values(Object.keys(KINDS));
  if (path.length === 0 && field === 'apiVersion') {
    if (isKnownKind(kind)) return values([KINDS[kind].apiVersion]);
    return values([...new Set(Object.values(KINDS).map(({ apiVersion }) => apiVersion))]);
  }
  const words = [kind, ...path, field].join('.');
  const schema = kind === undefined ? undefined : SCHEMAS[kind]?.();
  return values(valuesOf(schemaAt(schema, [...path, field]))).map((value) => ({
    ...value,
    words: FIELD_WORDS[`${words}.${value.label}`],
  }));
}

function configurationSchema([first]: readonly string[], kind: string | undefined): Schema | undefined {
  return SCHEMAS[first === 'svc2ipt' && kind === undefined ? 'svc2ipt' : 'KubeProxyConfiguration']?.();
}

function isKnownKind(kind: string | undefined): kind is KnownKind {
  return kind !== undefined && Object.hasOwn(KINDS, kind);
}

function schemaAt(schema: Schema | undefined, path: readonly string[]): Schema | undefined {
  return path.reduce<Schema | undefined>((inner, name) => propertiesOf(inner)?.properties?.[name], schema);
}

/** The mapping that a field holds, alone or in a list. */
function propertiesOf(schema: Schema | undefined): Schema | undefined {
  if (schema === undefined || schema.properties) return schema;
  for (const inner of [schema.items, ...(schema.anyOf ?? [])]) {
    const found = inner && propertiesOf(inner);
    if (found) return found;
  }
  return undefined;
}

function valuesOf(schema: Schema | undefined): string[] {
  if (schema === undefined) return [];
  if (schema.enum) return schema.enum.map(String).filter((value) => value !== '');
  if ([schema.type].flat().includes('boolean')) return ['true', 'false'];
  return [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])].flatMap(valuesOf);
}

/** Files of the chart that are made of something else, and tables of it in the documentation. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { withPublished } from '../bench/publish.ts';
import { valueAt } from '../src/agent/settings/field-paths.ts';
import { DEFAULT_CONFIGURATION } from '../src/api/kube-proxy-defaults.ts';
import { printConfiguration } from '../src/api/print-configuration.ts';
import { table } from '../src/text/markdown-text.ts';
import { chartSchema, type JsonSchema } from './chart-values.ts';
import { dashboard } from './dashboard.ts';

const CHART = 'deploy/chart';
const VALUES = `${CHART}/values.yaml`;
export const ALERTS = `${CHART}/files/alerts.yaml`;

export const alertsFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.looseObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.object({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
});

/**
 * The files by their paths in the checkout, as they should be.
 * @param project where the checkout is
 * @throws Error where a page has no place for its table
 */
export async function chartFiles(project: string): Promise<ReadonlyMap<string, string>> {
  const read = async (path: string) => await readFile(join(project, path), 'utf8');
  const schema = chartSchema();
  const values: unknown = parse(await read(VALUES));
  const alerts = alertsFile.parse(parse(await read(ALERTS)));
  const { configuration, svc2ipt, global: _, ...own } = schema.properties ?? {};
  if (!configuration || !svc2ipt) throw new Error('the schema of values has lost its sections');
  const tables = {
    values: table(['value', 'default', 'what it is'], valueRows({ ...own, configuration, svc2ipt }, values)),
    configuration: table(
      ['field', "kube-proxy's default", 'what it is'],
      fieldRows(configuration, printConfiguration(DEFAULT_CONFIGURATION)),
    ),
    options: table(
      ['option', 'what it is'],
      fieldRows(svc2ipt, {}).map(([option = '', , what = '']) => [option, what]),
    ),
    alerts: table(
      ['alert', 'severity', 'after', 'what it says'],
      alerts.groups.flatMap(({ rules }) =>
        rules.map(({ alert, labels, for: after, annotations }) => [
          `[\`${alert}\`](alerts.md#${alert.toLowerCase()})`,
          labels.severity,
          after ?? 'at once',
          annotations.summary
            .replaceAll(/ ?\(?\{\{[^}]*\$labels\.ip_family[^}]*\}\}\)?/g, '')
            .replaceAll(/\{\{[^}]*\}\}/g, '...'),
        ]),
      ),
    ),
  };
  const withTables = async (path: string, names: readonly (keyof typeof tables)[]) =>
    names.reduce((page, name) => withPublished(page, name, tables[name], path), await read(path));
  return new Map([
    [`${CHART}/values.schema.json`, `${JSON.stringify(schema, undefined, 2)}\n`],
    [`${CHART}/files/dashboard.json`, `${JSON.stringify(dashboard(), undefined, 2)}\n`],
    ['docs/helm.md', await withTables('docs/helm.md', ['values', 'configuration', 'options'])],
    ['docs/monitoring.md', await withTables('docs/monitoring.md', ['alerts'])],
  ]);
}

/** A row for each value that has a meaning of its own. */
function valueRows(
  properties: Readonly<Record<string, JsonSchema>>,
  values: unknown,
  above = '',
): string[][] {
  return Object.entries(properties).flatMap(([name, { description = '', properties: inner }]) => {
    const path = `${above}${name}`;
    const whole = SECTIONS.has(path);
    if (inner && !whole) return valueRows(inner, values, `${path}.`);
    return [[`\`${path}\``, whole ? '' : inWords(valueAt(values, path)), description]];
  });
}

/** They have tables of their own. */
const SECTIONS: ReadonlySet<string> = new Set(['configuration', 'svc2ipt']);

/** A row for each field of which something is said, in or under a part of the schema. */
function fieldRows(schema: JsonSchema, defaults: unknown, above = ''): string[][] {
  const properties = schema.properties ?? schema.anyOf?.find((one) => one.properties)?.properties ?? {};
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${above}${name}`;
    // Taken as kube-proxy takes them; the agent's log names those that are set.
    if (field.description?.startsWith('without effect')) return [];
    const row =
      field.description === undefined
        ? []
        : [[`\`${path}\``, inWords(valueAt(defaults, path)), field.description]];
    return [...row, ...(row.length === 0 ? fieldRows(field, defaults, `${path}.`) : [])];
  });
}

/** A value in a cell; nothing where it is empty. */
function inWords(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? '');
  return ['', '""', '[]', '{}'].includes(text) ? '' : `\`${text}\``;
}

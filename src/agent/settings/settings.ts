/** What the agent is to do: its flags and the configuration file put together, as kube-proxy v1.36 does. */
import { z } from 'zod';
import { cidr, layoutNameSchema, oneOfEachFamily, optional } from '../../api/fields.ts';
import {
  DEFAULT_CONFIGURATION,
  type KubeProxyConfiguration,
  overlaySchema,
  type Svc2iptSection,
} from '../../api/kube-proxy-configuration.ts';
import { check, InputError, type Problem } from '../../api/problem.ts';
import type { Configuration } from '../../sources/configuration.ts';
import { type GivenFlags, textsOf } from './agent-options.ts';
import { documentOf } from './field-paths.ts';
import { flagValue } from './flag-values.ts';
import { FLAGS, type Flag, spelled } from './flags.ts';
import { warningsOf } from './without-effect.ts';

export interface AgentSettings extends OwnSettings {
  /** What holds in the end, of the file and of the flags. */
  readonly configuration: KubeProxyConfiguration;
  readonly own: Svc2iptSection;
  /** A kubeconfig file; undefined for the pod's service account. */
  readonly kubeconfig: string | undefined;
  readonly logging: LoggingSettings;
}

export interface LoggingSettings {
  readonly format: 'text' | 'json';
  /** What Log calls so. */
  readonly verbosity: number;
  /** Errors go to standard error and the rest to standard output. */
  readonly splitStream: boolean;
}

/** The settings that no KubeProxyConfiguration has a field for. */
type OwnSettings = Readonly<
  Omit<z.output<typeof ownSettingsSchema>, 'legacyPortNames' | 'layout' | 'rejectUnassigned'>
>;

const text = optional(z.string());
const flag = z.boolean().default(false);

const ownSettingsSchema = z.object({
  configFile: text,
  /** The URL of the API server. */
  master: optional(z.string().refine(isServer, { error: 'a URL such as https://10.0.0.1:6443' })),
  /** A folder of manifests, which stands for the API server. */
  manifests: text,
  backend: optional(z.enum(['nft', 'legacy'])),
  legacyPortNames: optional(z.boolean()),
  layout: optional(layoutNameSchema),
  rejectUnassigned: optional(z.boolean()),
  /** Of cluster IPs; undefined where the cluster's ServiceCIDRs tell. */
  serviceRanges: optional(
    z.array(cidr).refine(oneOfEachFamily, { error: 'one CIDR range of each family at most' }),
  ),
  dryRun: flag,
  initOnly: flag,
  cleanup: flag,
  writeConfigTo: text,
});

function isServer(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url);
}

/** The configuration file that flags name; undefined where they name none. */
export function configFileOf({ config }: GivenFlags): string | undefined {
  return config === true ? undefined : config?.at(-1) || undefined;
}

/**
 * Puts flags and the configuration file together. With a file, flags that it has fields for do not count, but for the
 * name of the node and those about logs.
 * @param given the flags that were given
 * @param file what is in the file that {@link configFileOf} names, where it names one
 * @returns the settings, and a warning for everything that was given and has no effect
 * @throws InputError with everything wrong in the flags, in the words that there are for the file's fields
 */
export function agentSettings(
  given: GivenFlags,
  file?: Configuration,
): { readonly settings: AgentSettings; readonly warnings: readonly string[] } {
  const flags = FLAGS.flatMap((flag) => {
    const texts = textsOf(flag, given);
    const counts = file === undefined || flag.field === undefined || flag.besideFile === true;
    return texts ? [{ flag, counts, value: flagValue(flag, texts) }] : [];
  });
  const values = flags.flatMap(({ flag, counts, value }) => {
    const path = pathOf(flag);
    return counts && path !== undefined && value !== undefined ? [[path, value] as const] : [];
  });
  const { apiVersion, kind } = DEFAULT_CONFIGURATION;
  const schema = z.object({
    field: overlaySchema(file?.kubeProxy ?? DEFAULT_CONFIGURATION),
    setting: ownSettingsSchema.prefault({}),
  });
  const document = documentOf([['field.apiVersion', apiVersion], ['field.kind', kind], ...values]);
  const result = check(schema, document, []);
  if (!result.ok) throw new InputError(result.problems.map(inFlags));
  const { field: configuration, setting } = result.value;
  const {
    legacyPortNames = file?.own.legacyPortNames,
    layout = file?.own.layout,
    rejectUnassigned = file?.own.rejectUnassigned,
    ...ownSettings
  } = setting;
  const { format, verbosity, options } = configuration.logging;
  return {
    settings: {
      ...ownSettings,
      configuration,
      own: {
        legacyPortNames,
        layout,
        rejectUnassigned,
        commandTimeout: file?.own.commandTimeout,
        serviceMetrics: file?.own.serviceMetrics,
      },
      kubeconfig: configuration.clientConnection.kubeconfig || undefined,
      logging: { format, verbosity, splitStream: options[format].splitStream },
    },
    warnings: warningsOf(flags, file?.kubeProxy),
  };
}

/** Where the value of a flag stands in the document of all flags. */
function pathOf({ field, setting }: Flag): string | undefined {
  if (field !== undefined) return `field.${field}`;
  return setting && `setting.${setting}`;
}

/** A problem of a field as one of the flag that stands for it; which entry of a list it is goes without saying. */
function inFlags({ at: [path = ''], message }: Problem): Problem {
  const flag = FLAGS.find((flag) => {
    const own = pathOf(flag);
    return own !== undefined && (path === own || path.startsWith(`${own}.`) || path.startsWith(`${own}[`));
  });
  if (!flag) return { at: [path], message };
  const rest = flag.takes === 'gates' ? path.slice(`${pathOf(flag)}.`.length) : '';
  return { at: rest === '' ? [spelled(flag)] : [spelled(flag), rest], message };
}

/**
 * `kubeproxy.config.k8s.io/v1alpha1` KubeProxyConfiguration: the file that kube-proxy v1.36 takes, as strict as
 * kube-proxy is about what it may hold, with its defaults filled in.
 */
import { z } from 'zod';
import { integer, layoutNameSchema, optional, withRules } from './fields.ts';
import {
  DEFAULT_CONFIGURATION,
  fromFile,
  type KubeProxyConfiguration,
  overlaid,
  zerosAsAbsent,
} from './kube-proxy-defaults.ts';
import { durationText, givenConfigurationSchema } from './kube-proxy-fields.ts';
import { checkRules } from './kube-proxy-rules.ts';

export { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from './kube-proxy-defaults.ts';

/** A configuration file. */
export const kubeProxyConfigurationSchema = withRules(givenConfigurationSchema, (given, rules) =>
  checkRules(given && zerosAsAbsent(given), DEFAULT_CONFIGURATION, rules),
).transform(fromFile);

/** Fields that are given beside a configuration and count more, as flags do: 0 is 0 there. */
export function overlaySchema(base: KubeProxyConfiguration) {
  return withRules(givenConfigurationSchema, (given, rules) => checkRules(given, base, rules)).transform(
    (given) => overlaid(base, given),
  );
}

/** What the section of our own may say that it is written in. A field that changes its meaning needs another. */
const SECTION_VERSION = 'v1';

export type Svc2iptSection = Readonly<z.output<typeof svc2iptSectionSchema>>;

/** Options of svc2ipt's own, in a second YAML document of the configuration file, which kube-proxy does not read. */
export const svc2iptSectionSchema = z
  .strictObject({
    svc2ipt: z.strictObject({
      version: optional(
        z.literal(SECTION_VERSION, {
          error: `${SECTION_VERSION} or nothing (this svc2ipt knows no other version of its section)`,
        }),
      ),
      legacyPortNames: optional(z.boolean()),
      layout: optional(layoutNameSchema),
      /** What nobody serves in the range of cluster IPs is refused. */
      rejectUnassigned: optional(z.boolean()),
      /** The agent gives up a program that takes longer, in milliseconds. */
      commandTimeout: optional(
        durationText.refine((milliseconds) => milliseconds > 0, { error: 'a duration longer than 0' }),
      ),
      /** The agent counts for each Service, in at most so many series. */
      serviceMetrics: optional(z.strictObject({ maxSeries: optional(integer(1, 1_000_000)) })),
    }),
  })
  // Whoever reads the options knows the one version that there is.
  .transform(({ svc2ipt: { version: _, ...options } }) => options);

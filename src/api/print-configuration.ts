/** A configuration as kube-proxy v1.36 shows it at `/configz` and writes it with `--write-config-to`. */
import { formatDuration } from './duration.ts';
import type { KubeProxyConfiguration } from './kube-proxy-defaults.ts';

/**
 * The v1alpha1 object of a configuration: its fields in kube-proxy's order, durations as Go prints them, lists without
 * entries as null. What kube-proxy leaves out where it is empty is left out. Parsing it gives the configuration again.
 */
export function printConfiguration(configuration: KubeProxyConfiguration): Readonly<Record<string, unknown>> {
  const { kind, apiVersion, featureGates, windowsRunAsService, ...fields } = configuration;
  const { iptables, ipvs, nftables, conntrack } = fields;
  return {
    kind,
    apiVersion,
    ...(Object.keys(featureGates).length > 0 && { featureGates }),
    // What follows replaces fields where they stand.
    ...fields,
    logging: printLogging(fields.logging),
    iptables: { ...iptables, ...syncPeriods(iptables) },
    ipvs: {
      ...ipvs,
      ...syncPeriods(ipvs),
      excludeCIDRs: listOrNull(ipvs.excludeCIDRs),
      tcpTimeout: formatDuration(ipvs.tcpTimeout),
      tcpFinTimeout: formatDuration(ipvs.tcpFinTimeout),
      udpTimeout: formatDuration(ipvs.udpTimeout),
    },
    nftables: { ...nftables, ...syncPeriods(nftables) },
    clusterCIDR: fields.clusterCIDR.join(','),
    nodePortAddresses: listOrNull(fields.nodePortAddresses),
    conntrack: {
      ...conntrack,
      tcpEstablishedTimeout: formatDuration(conntrack.tcpEstablishedTimeout),
      tcpCloseWaitTimeout: formatDuration(conntrack.tcpCloseWaitTimeout),
      udpTimeout: formatDuration(conntrack.udpTimeout),
      udpStreamTimeout: formatDuration(conntrack.udpStreamTimeout),
    },
    configSyncPeriod: formatDuration(fields.configSyncPeriod),
    ...(windowsRunAsService && { windowsRunAsService }),
  };
}

type Logging = KubeProxyConfiguration['logging'];

function printLogging({ format, flushFrequency, verbosity, vmodule, options }: Logging) {
  return {
    format,
    flushFrequency: formatDuration(flushFrequency),
    verbosity,
    ...(vmodule.length > 0 && { vmodule }),
    options: { text: printLogOutput(options.text), json: printLogOutput(options.json) },
  };
}

function printLogOutput({ splitStream, infoBufferSize }: Logging['options']['text']) {
  return { ...(splitStream && { splitStream }), infoBufferSize };
}

function syncPeriods(periods: { readonly syncPeriod: number; readonly minSyncPeriod: number }) {
  return {
    syncPeriod: formatDuration(periods.syncPeriod),
    minSyncPeriod: formatDuration(periods.minSyncPeriod),
  };
}

function listOrNull(list: readonly string[]): readonly string[] | null {
  return list.length > 0 ? list : null;
}

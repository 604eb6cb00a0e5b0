/** What kube-proxy v1.36 refuses though each field is right: fields that do not go together. */
import type { z } from 'zod';
import { formatDuration } from './duration.ts';
import { addSentence } from './fields.ts';
import type { KubeProxyConfiguration } from './kube-proxy-defaults.ts';

/** Adds an issue for each rule that a configuration breaks. */
export function checkRules(configuration: KubeProxyConfiguration, context: z.core.$RefinementCtx): void {
  const { iptables, configSyncPeriod, logging } = configuration;
  if (iptables.syncPeriod === 0) {
    addSentence(context, ['iptables', 'syncPeriod'], 'expected more than 0s, got 0s');
  } else if (iptables.minSyncPeriod > iptables.syncPeriod) {
    const [longest, got] = [iptables.syncPeriod, iptables.minSyncPeriod].map(formatDuration);
    addSentence(
      context,
      ['iptables', 'minSyncPeriod'],
      `expected at most ${longest}, the sync period, got ${got}`,
    );
  }
  if (configSyncPeriod === 0) {
    addSentence(context, ['configSyncPeriod'], 'expected more than 0s, got 0s');
  }
  if (logging.vmodule.length > 0 && logging.format !== 'text') {
    addSentence(
      context,
      ['logging', 'vmodule'],
      `expected none, as the format of logs is ${logging.format}, got a list of ${logging.vmodule.length}`,
    );
  }
  checkDetectLocal(configuration, context);
}

function checkDetectLocal(
  { detectLocalMode, detectLocal }: KubeProxyConfiguration,
  context: z.core.$RefinementCtx,
): void {
  const need = { BridgeInterface: 'bridgeInterface', InterfaceNamePrefix: 'interfaceNamePrefix' } as const;
  if (detectLocalMode !== 'BridgeInterface' && detectLocalMode !== 'InterfaceNamePrefix') return;
  const field = need[detectLocalMode];
  if (detectLocal[field] !== '') return;
  addSentence(
    context,
    ['detectLocal', field],
    `expected a name, as detectLocalMode is ${detectLocalMode}, got nothing`,
  );
}

/** What kube-proxy v1.36 refuses though each field is right: fields that do not go together. */
import { formatDuration } from './duration.ts';
import type { KnownPart, Rules } from './fields.ts';
import type { KubeProxyConfiguration } from './kube-proxy-defaults.ts';
import type { GivenConfiguration } from './kube-proxy-fields.ts';

/**
 * Tells each rule that a configuration breaks. A rule is asked where all fields that it needs are right, whatever is
 * wrong with others.
 * @param base what holds where nothing is given
 */
export function checkRules(
  given: KnownPart<GivenConfiguration>,
  base: KubeProxyConfiguration,
  rules: Rules,
): void {
  checkPeriods(given, base, rules);
  checkVmodule(given, base, rules);
  checkDetectLocal(given, base, rules);
}

function checkPeriods(
  given: KnownPart<GivenConfiguration>,
  { iptables, configSyncPeriod }: KubeProxyConfiguration,
  { complain, isWrong }: Rules,
): void {
  const syncPeriod = isWrong(['iptables', 'syncPeriod'])
    ? undefined
    : (given?.iptables?.syncPeriod ?? iptables.syncPeriod);
  const minSyncPeriod = isWrong(['iptables', 'minSyncPeriod'])
    ? undefined
    : (given?.iptables?.minSyncPeriod ?? iptables.minSyncPeriod);
  if (syncPeriod === 0) {
    complain(['iptables', 'syncPeriod'], 'expected more than 0s, got 0s');
  } else if (syncPeriod !== undefined && minSyncPeriod !== undefined && minSyncPeriod > syncPeriod) {
    const [longest, got] = [syncPeriod, minSyncPeriod].map(formatDuration);
    complain(['iptables', 'minSyncPeriod'], `expected at most ${longest}, the sync period, got ${got}`);
  }
  if (!isWrong(['configSyncPeriod']) && (given?.configSyncPeriod ?? configSyncPeriod) === 0) {
    complain(['configSyncPeriod'], 'expected more than 0s, got 0s');
  }
}

function checkVmodule(
  given: KnownPart<GivenConfiguration>,
  { logging }: KubeProxyConfiguration,
  { complain, isWrong }: Rules,
): void {
  if (isWrong(['logging', 'vmodule']) || isWrong(['logging', 'format'])) return;
  const vmodule = given?.logging?.vmodule ?? logging.vmodule;
  const format = given?.logging?.format ?? logging.format;
  if (vmodule.length === 0 || format === 'text') return;
  const message = `expected none, as the format of logs is ${format}, got a list of ${vmodule.length}`;
  complain(['logging', 'vmodule'], message);
}

function checkDetectLocal(
  given: KnownPart<GivenConfiguration>,
  { detectLocalMode, detectLocal }: KubeProxyConfiguration,
  { complain, isWrong }: Rules,
): void {
  if (isWrong(['detectLocalMode'])) return;
  const mode = given?.detectLocalMode ?? detectLocalMode;
  const need = { BridgeInterface: 'bridgeInterface', InterfaceNamePrefix: 'interfaceNamePrefix' } as const;
  if (mode !== 'BridgeInterface' && mode !== 'InterfaceNamePrefix') return;
  const field = need[mode];
  if (isWrong(['detectLocal', field])) return;
  if ((given?.detectLocal?.[field] ?? detectLocal[field]) !== '') return;
  complain(['detectLocal', field], `expected a name, as detectLocalMode is ${mode}, got nothing`);
}

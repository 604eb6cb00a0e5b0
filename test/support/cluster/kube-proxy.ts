/**
 * A stand-in for kube-proxy: the rules that it writes when it starts, in one transaction, and the jumps to them and
 * the canaries that are not there. It follows no change after that, and when it ends, its rules stay.
 */
import { JUMPS } from '../../../src/chains/jumps.ts';
import { CANARY, CANARY_TABLES } from '../../../src/chains/names.ts';
import { compile } from '../../../src/compiler/compile.ts';
import { compileOptions } from '../../../src/compiler/options.ts';
import { printRule, printRuleset } from '../../../src/iptables/print.ts';
import { FAMILIES } from '../../../src/net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../../src/sources/cluster.ts';
import { parseConfigurationLeniently } from '../../../src/sources/configuration.ts';
import { resolveNode } from '../../../src/sources/node.ts';
import type { Lab, Place } from '../kernel/lab.ts';
import { type Backend, programOf } from '../kernel/namespace.ts';

export interface KubeProxy {
  readonly nodeName: string;
  readonly place: Place;
  readonly backend: Backend;
  /** The text of its configuration file. */
  readonly configuration: string;
}

/** Writes the rules for a cluster, as kube-proxy v1.36 does. Rejects where iptables-restore refuses them. */
export async function startKubeProxy(
  lab: Lab,
  { nodeName, place, backend, configuration: text }: KubeProxy,
  objects: readonly object[],
): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { cluster, nodes } = loadCluster([{ name: 'cluster.json', text: list }], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: true,
  });
  const { kubeProxy } = parseConfigurationLeniently({ name: 'config.conf', text }).configuration;
  const node = resolveNode({ flags: { name: nodeName }, host: {}, hostnameOverride: undefined, nodes });
  for (const family of FAMILIES) {
    const rules = compile(cluster, node, compileOptions(family, kubeProxy, node));
    const chains = rules.tables.flatMap((table) => table.chains.map(({ name }) => `${table.name} ${name}`));
    const iptables = `${programOf(family)}-${backend}`;
    const script = [
      `${iptables}-restore --noflush --counters <<'END'\n${printRuleset(rules)}END`,
      ...CANARY_TABLES.map((table) => `${iptables} -w -t ${table} -N ${CANARY} 2>/dev/null || true`),
      ...JUMPS.filter(({ table, to }) => chains.includes(`${table} ${to}`)).map(({ table, from, rule }) => {
        const to = (flag: string) => `${iptables} -w -t ${table} ${flag} ${from}${printRule(rule)}`;
        return `${to('-C')} 2>/dev/null || ${to('-I')}`;
      }),
    ];
    const { exitCode, stderr } = await lab.run(place, ['sh', '-eu'], `${script.join('\n')}\n`);
    if (exitCode !== 0) throw new Error(`kube-proxy's rules are refused: ${stderr}`);
  }
}

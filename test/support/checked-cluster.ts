/** A cluster as doctor's checks take it, on the node of a lab. */

import { compileOptions } from '../../src/compiler/options.ts';
import type { CheckedCluster } from '../../src/doctor/cluster.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../../src/sources/cluster.ts';
import { parseConfiguration, parseHost } from '../../src/sources/configuration.ts';
import { resolveNode } from '../../src/sources/node.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { CONFIGURATION, configurationText, HOST } from './kernel/lab.ts';

/** @param fields of the configuration that are another than usual */
export function checkedCluster(objects: readonly Manifest[], fields: Manifest = {}): CheckedCluster {
  const text = (name: string, value: unknown) => ({ name, text: JSON.stringify(value) });
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const { cluster, nodes } = loadCluster([text('cluster.json', list)], {
    serviceRanges: DEFAULT_SERVICE_RANGES,
    strict: false,
  });
  const { kubeProxy, own } = parseConfiguration({
    name: 'config.yaml',
    text: configurationText({ ...CONFIGURATION, ...fields }),
  });
  const host = parseHost(text('host.json', HOST));
  const node = resolveNode({ flags: {}, host, hostnameOverride: undefined, nodes });
  return {
    cluster,
    node,
    nodes,
    configuration: kubeProxy,
    options: (family) => compileOptions(family, kubeProxy, node, own),
    isShown: () => true,
  };
}

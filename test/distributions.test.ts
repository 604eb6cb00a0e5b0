/** How distributions start kube-proxy: the agent takes the same flags and configurations, and means the same by them. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { agentOptions, type GivenFlags } from '../src/agent/settings/agent-options.ts';
import { agentSettings } from '../src/agent/settings/settings.ts';
import { parseConfigurationLeniently } from '../src/sources/configuration.ts';
import { PROJECT } from './support/project.ts';

const FOLDER = join(PROJECT, 'test/data/distributions');

/** What each asks for, and what of it the agent says that it ignores. */
const EXPECTED: Readonly<Record<string, { settings: object; warnings?: readonly string[] }>> = {
  k3s: {
    settings: {
      kubeconfig: '/var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
      configuration: {
        mode: 'iptables',
        hostnameOverride: 'node-a',
        clusterCIDR: ['10.42.0.0/16'],
        healthzBindAddress: '127.0.0.1:10256',
        conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 },
      },
    },
  },
  kops: {
    settings: {
      kubeconfig: '/var/lib/kube-proxy/kubeconfig',
      master: 'https://api.internal.example.com',
      logging: { verbosity: 2 },
      configuration: {
        clusterCIDR: ['100.96.0.0/11'],
        oomScoreAdj: -998,
        conntrack: { maxPerCore: 131072 },
      },
    },
  },
  kind: {
    settings: {
      configuration: {
        mode: 'iptables',
        iptables: { minSyncPeriod: 1000 },
        conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 },
      },
    },
    warnings: ['kind.yaml, document 1, metadata: unknown field, ignored'],
  },
  minikube: {
    settings: {
      configuration: {
        mode: 'iptables',
        clusterCIDR: ['10.244.0.0/16'],
        metricsBindAddress: '0.0.0.0:10249',
        conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 },
      },
    },
  },
  eks: {
    settings: {
      kubeconfig: '/var/lib/kube-proxy/kubeconfig',
      logging: { verbosity: 2 },
      configuration: {
        mode: 'iptables',
        hostnameOverride: 'node-a',
        clusterCIDR: [],
        iptables: { masqueradeBit: 14, syncPeriod: 30_000 },
        conntrack: { maxPerCore: 32768, min: 131072, tcpEstablishedTimeout: 86_400_000 },
      },
    },
  },
};

const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

function given(args: readonly string[]): GivenFlags {
  const command = new Command().exitOverride();
  for (const option of agentOptions()) command.addOption(option);
  return command.parse(args, { from: 'user' }).opts();
}

test('each distribution of the folder has a row', () => {
  const names = globSync('*.{args,yaml}', { cwd: FOLDER }).map((name) => name.replace(/\..*$/, ''));
  expect(Object.keys(EXPECTED).sort()).toEqual([...new Set(names)].sort());
});

test.each(Object.entries(EXPECTED))('%s', (name, { settings, warnings = [] }) => {
  const has = (type: string) => existsSync(join(FOLDER, `${name}.${type}`));
  const args = has('args') ? read(`${name}.args`).trim().split('\n') : [];
  const file = has('yaml') ? { name: `${name}.yaml`, text: read(`${name}.yaml`) } : undefined;
  const configured = file && parseConfigurationLeniently(file);
  const found = agentSettings(given(args), configured?.configuration);
  expect(found.settings).toMatchObject(settings);
  expect([...(configured?.warnings ?? []), ...found.warnings]).toEqual(warnings);
});

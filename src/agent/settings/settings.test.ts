import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIGURATION } from '../../api/kube-proxy-configuration.ts';
import { InputError } from '../../api/problem.ts';
import { type Configuration, configurationText, parseConfiguration } from '../../sources/configuration.ts';
import { agentOptions, type GivenFlags } from './agent-options.ts';
import { FLAGS, spelled } from './flags.ts';
import { type AgentSettings, agentSettings, configFileOf } from './settings.ts';

/** What commander makes of a command line. */
function given(...args: string[]): GivenFlags {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of agentOptions()) command.addOption(option);
  return command.parse(args, { from: 'user' }).opts();
}

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

const file = (text = ''): Configuration => parseConfiguration({ name: 'f', text: `${HEAD}${text}` });

const settingsOf = (...args: string[]) => agentSettings(given(...args)).settings;
const DEFAULTS = settingsOf();

test('without flags, everything is as kube-proxy has it', () => {
  expect(agentSettings({})).toEqual({
    warnings: [],
    settings: {
      configuration: DEFAULT_CONFIGURATION,
      own: { legacyPortNames: undefined, layout: undefined },
      kubeconfig: undefined,
      master: undefined,
      manifests: undefined,
      backend: undefined,
      configFile: undefined,
      writeConfigTo: undefined,
      dryRun: false,
      initOnly: false,
      cleanup: false,
      logging: { format: 'text', verbosity: 0, splitStream: false },
    },
  });
});

/** A value other than the default for each flag of kube-proxy; null where it takes none. */
const SAMPLES: Readonly<Record<string, string | null>> = {
  'bind-address': '192.168.0.2',
  'bind-address-hard-fail': null,
  'boot-id-file': '/proc/id',
  cleanup: null,
  'cluster-cidr': '10.244.0.0/16',
  config: 'config.yaml',
  'config-sync-period': '1m',
  'conntrack-max-per-core': '1',
  'conntrack-min': '2',
  'conntrack-tcp-be-liberal': null,
  'conntrack-tcp-timeout-close-wait': '3s',
  'conntrack-tcp-timeout-established': '4s',
  'conntrack-udp-timeout': '5s',
  'conntrack-udp-timeout-stream': '6s',
  'detect-local-mode': 'NodeCIDR',
  'feature-gates': 'AllAlpha=true,NoSuchGate=false',
  'healthz-bind-address': '127.0.0.1:1',
  'hostname-override': 'node-b',
  'init-only': null,
  'iptables-localhost-nodeports': 'false',
  'iptables-masquerade-bit': '0',
  'iptables-min-sync-period': '0',
  'iptables-sync-period': '1m',
  'ipvs-exclude-cidrs': '10.0.0.0/8,11.0.0.0/8',
  'ipvs-min-sync-period': '1s',
  'ipvs-scheduler': 'rr',
  'ipvs-strict-arp': null,
  'ipvs-sync-period': '1s',
  'ipvs-tcp-timeout': '1s',
  'ipvs-tcpfin-timeout': '1s',
  'ipvs-udp-timeout': '1s',
  'kube-api-burst': '100',
  'kube-api-content-type': 'application/json',
  'kube-api-qps': '0.5',
  kubeconfig: '/etc/kubeconfig',
  'log-flush-frequency': '1s',
  'log-json-info-buffer-size': '1Ki',
  'log-json-split-stream': null,
  'log-text-info-buffer-size': '512',
  'log-text-split-stream': null,
  'logging-format': 'json',
  'machine-id-file': '/etc/id',
  'masquerade-all': null,
  master: 'https://10.0.0.1:6443',
  'metrics-bind-address': '[::]:2',
  'nodeport-addresses': 'primary',
  'oom-score-adj': '-1000',
  'pod-bridge-interface': 'cni0',
  'pod-interface-name-prefix': 'veth',
  profiling: null,
  'proxy-mode': 'iptables',
  'show-hidden-metrics-for-version': '1.35',
  v: '4',
  vmodule: 'proxier=4',
  'write-config-to': 'out.yaml',
};

/** The flags that kube-proxy's help names; those for its help and version are the whole program's. */
const KUBE_PROXY_FLAGS = [
  ...readFileSync(join(import.meta.dirname, '../../../test/data/kube-proxy/help.txt'), 'utf8').matchAll(
    /^ {2,6}(?:-\w, )?--([\w-]+)/gm,
  ),
]
  .map(([, name = '']) => name)
  .filter((name) => name !== 'help' && name !== 'version');

describe('every flag of kube-proxy', () => {
  test('is there, and has a sample here', () => {
    expect(Object.keys(SAMPLES)).toEqual(KUBE_PROXY_FLAGS.toSorted());
    expect(FLAGS.map(({ name }) => name)).toEqual(expect.arrayContaining(KUBE_PROXY_FLAGS));
    expect(KUBE_PROXY_FLAGS).toHaveLength(55);
  });

  test.each(KUBE_PROXY_FLAGS)('--%s has an effect, or a warning that it has none', (name) => {
    const sample = SAMPLES[name];
    const args = typeof sample === 'string' ? [`--${name}`, sample] : [`--${name}`];
    const { settings, warnings } = agentSettings(given(...args));
    const warned = warnings.filter((warning) => warning.startsWith(`--${name} has no effect: `));
    // The only mode that there is.
    if (name === 'proxy-mode') expect([settings, warnings]).toEqual([DEFAULTS, []]);
    else if (warned.length === 0) expect(settings).not.toEqual(DEFAULTS);
    expect(warnings).toEqual(warned);
  });

  test.each(KUBE_PROXY_FLAGS)('--%s counts beside a configuration file, or there is a warning', (name) => {
    const sample = SAMPLES[name];
    const args = typeof sample === 'string' ? [`--${name}`, sample] : [`--${name}`];
    const { settings, warnings } = agentSettings(given(...args), file());
    if (warnings.length === 0) expect(settings).not.toEqual(DEFAULTS);
    else expect(warnings).toEqual([expect.stringMatching(`^--?${name} has no effect: `)]);
  });
});

describe('a flag', () => {
  type Expected = { readonly [Setting in keyof AgentSettings]?: unknown };

  test.each<[string, Expected]>([
    ['--masquerade-all', { configuration: { iptables: { masqueradeAll: true } } }],
    ['--masquerade-all=true', { configuration: { iptables: { masqueradeAll: true } } }],
    ['--masquerade-all=false', { configuration: { iptables: { masqueradeAll: false } } }],
    ['--masquerade-all=T', { configuration: { iptables: { masqueradeAll: true } } }],
    ['--iptables-localhost-nodeports=0', { configuration: { iptables: { localhostNodePorts: false } } }],
    ['--cleanup=false', { cleanup: false }],
    ['--cleanup --init-only', { cleanup: true, initOnly: true }],
    ['-v 2', { logging: { format: 'text', verbosity: 2, splitStream: false } }],
    ['-v=2', { logging: { verbosity: 2 }, configuration: { logging: { verbosity: 2 } } }],
    ['-v2', { logging: { verbosity: 2 } }],
    ['--v=2', { logging: { verbosity: 2 } }],
    ['--v 2 -v 3', { logging: { verbosity: 3 } }],
    [
      '--nodeport-addresses 10.1.2.3/8,::/0',
      { configuration: { nodePortAddresses: ['10.0.0.0/8', '::/0'] } },
    ],
    [
      '--nodeport-addresses 10.0.0.0/8 --nodeport-addresses=::/0',
      { configuration: { nodePortAddresses: ['10.0.0.0/8', '::/0'] } },
    ],
    ['--nodeport-addresses=', { configuration: { nodePortAddresses: [] } }],
    ['--oom-score-adj -5', { configuration: { oomScoreAdj: -5 } }],
    ['--iptables-sync-period 1h2m3.5s', { configuration: { iptables: { syncPeriod: 3_723_500 } } }],
    ['--iptables-min-sync-period 0', { configuration: { iptables: { minSyncPeriod: 0 } } }],
    ['--conntrack-max-per-core 0', { configuration: { conntrack: { maxPerCore: 0, min: 131_072 } } }],
    [
      '--conntrack-max-per-core 1 --conntrack-min 2 --conntrack-tcp-timeout-established 3s --conntrack-tcp-be-liberal ' +
        '--conntrack-tcp-timeout-close-wait 4s --conntrack-udp-timeout 5s --conntrack-udp-timeout-stream 6s',
      {
        configuration: {
          conntrack: {
            maxPerCore: 1,
            min: 2,
            tcpEstablishedTimeout: 3000,
            tcpCloseWaitTimeout: 4000,
            tcpBeLiberal: true,
            udpTimeout: 5000,
            udpStreamTimeout: 6000,
          },
        },
      },
    ],
    // The other addresses are defaults of flags, not of the file.
    ['--bind-address ::', { configuration: { bindAddress: '::', healthzBindAddress: '0.0.0.0:10256' } }],
    ['--healthz-bind-address 10.0.0.1', { configuration: { healthzBindAddress: '10.0.0.1:10256' } }],
    ['--healthz-bind-address=', { configuration: { healthzBindAddress: '0.0.0.0:10256' } }],
    ['--metrics-bind-address=', { configuration: { metricsBindAddress: '' } }],
    ['--hostname-override NODE-B', { configuration: { hostnameOverride: 'node-b' } }],
    ['--logging-format json --log-json-split-stream', { logging: { format: 'json', splitStream: true } }],
    ['--logging-format json --log-text-split-stream', { logging: { format: 'json', splitStream: false } }],
    ['--kubeconfig k', { kubeconfig: 'k', configuration: { clientConnection: { kubeconfig: 'k' } } }],
    ['--kubeconfig=', { kubeconfig: undefined }],
    ['--manifests m --dry-run --backend nft', { manifests: 'm', dryRun: true, backend: 'nft' }],
    ['--legacy-port-names', { own: { legacyPortNames: true, layout: undefined } }],
    [
      '--reject-unassigned --service-cluster-ip-range 10.96.0.0/12,fd00:10:96::/108',
      {
        own: { legacyPortNames: undefined, layout: undefined, rejectUnassigned: true },
        serviceRanges: ['10.96.0.0/12', 'fd00:10:96::/108'],
      },
    ],
    ['--layout=fast', { own: { legacyPortNames: undefined, layout: 'fast' } }],
    ['--proxy-mode=', { configuration: { mode: 'iptables' } }],
    [
      '--detect-local-mode BridgeInterface --pod-bridge-interface cni0',
      { configuration: { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } } },
    ],
    [
      '--feature-gates A=true,B=false --feature-gates C=1',
      { configuration: { featureGates: { A: true, B: false, C: true } } },
    ],
    [
      '--vmodule a=1,b*=2',
      {
        configuration: {
          logging: {
            vmodule: [
              { filePattern: 'a', verbosity: 1 },
              { filePattern: 'b*', verbosity: 2 },
            ],
          },
        },
      },
    ],
  ])('%s', (line, expected) => {
    expect(settingsOf(...line.split(' '))).toMatchObject(expected);
  });

  test.each<[string, string]>([
    [
      '--proxy-mode nftables',
      '--proxy-mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "nftables"',
    ],
    [
      '--proxy-mode ipvs',
      '--proxy-mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "ipvs"',
    ],
    ['--iptables-masquerade-bit 32', '--iptables-masquerade-bit: expected 0 to 31, got 32'],
    ['--iptables-masquerade-bit 014', '--iptables-masquerade-bit: expected 0 to 31, got "014"'],
    ['--masquerade-all=yes', '--masquerade-all: expected true or false, got "yes"'],
    ['--cleanup=yes', '--cleanup: expected true or false, got "yes"'],
    ['-v=much', '-v: expected 0 to 2147483647, got "much"'],
    [
      '--iptables-sync-period 30',
      '--iptables-sync-period: expected a duration such as 30s, 1m or 2h22m, got "30"',
    ],
    ['--iptables-sync-period 0', '--iptables-sync-period: expected more than 0s, got 0s'],
    ['--config-sync-period 0s', '--config-sync-period: expected more than 0s, got 0s'],
    [
      '--iptables-min-sync-period 1m',
      '--iptables-min-sync-period: expected at most 30s, the sync period, got 1m0s',
    ],
    [
      '--nodeport-addresses 10.0.0.1',
      '--nodeport-addresses: expected a CIDR range, primary, localhost or all, got "10.0.0.1"',
    ],
    [
      '--cluster-cidr 10.0.0.0/8,11.0.0.0/8',
      '--cluster-cidr: expected one CIDR range of each family at most, got "10.0.0.0/8,11.0.0.0/8"',
    ],
    [
      '--detect-local-mode BridgeInterface',
      '--pod-bridge-interface: expected a name, as detectLocalMode is BridgeInterface, got nothing',
    ],
    ['--feature-gates A=maybe,B=true', '--feature-gates, A: expected true or false, got "maybe"'],
    ['--feature-gates A', '--feature-gates, A: expected true or false, got ""'],
    ['--vmodule a', '--vmodule: expected 0 to 2147483647, got ""'],
    [
      '--vmodule a=1 --logging-format json',
      '--vmodule: expected none, as the format of logs is json, got a list of 1',
    ],
    ['--logging-format xml', '--logging-format: expected text or json, got "xml"'],
    ['--backend both', '--backend: expected nft or legacy, got "both"'],
    ['--master 10.0.0.1:6443', '--master: expected a URL such as https://10.0.0.1:6443, got "10.0.0.1:6443"'],
    ['--oom-score-adj 2000', '--oom-score-adj: expected -1000 to 1000, got 2000'],
    ['--kube-api-burst -1', '--kube-api-burst: expected 0 to 2147483647, got -1'],
    [
      '--show-hidden-metrics-for-version 1.30',
      '--show-hidden-metrics-for-version: expected 1.35, 1.36 or nothing, got "1.30"',
    ],
    ['--proxy-mode x --backend y --v z', 'and everything else'],
  ])('refused: %s', (line, expected) => {
    const messages = errorOf(() => settingsOf(...line.split(' '))).message.split('\n');
    if (expected !== 'and everything else') expect(messages).toEqual([expected]);
    else expect(messages).toHaveLength(3);
  });

  test('refused: a name of white space', () => {
    const { message } = errorOf(() => settingsOf('--hostname-override', '  '));
    expect(message).toBe('--hostname-override: expected a name, got "  "');
  });
});

function errorOf(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a configuration file', () => {
  const configured = file(
    'hostnameOverride: node-a\nclusterCIDR: 10.0.0.0/8\nclientConnection: {kubeconfig: k}\n' +
      'logging: {format: json, verbosity: 1, options: {json: {splitStream: true}}}\n',
  );

  test('is the one that the flags name', () => {
    expect(configFileOf(given('--config', 'a', '--config=b'))).toBe('b');
    expect(configFileOf(given('--config='))).toBeUndefined();
    expect(configFileOf({})).toBeUndefined();
  });

  test('decides', () => {
    const { settings, warnings } = agentSettings(given('--config', 'c'), configured);
    expect(settings).toEqual({
      ...DEFAULTS,
      configuration: configured.kubeProxy,
      configFile: 'c',
      kubeconfig: 'k',
      logging: { format: 'json', verbosity: 1, splitStream: true },
    });
    expect(warnings).toEqual([]);
  });

  test('counts less than the name of the node and what is said of logs', () => {
    const flags = given('--hostname-override', 'node-b', '-v', '3', '--log-json-split-stream=false');
    const { settings, warnings } = agentSettings(flags, configured);
    expect(settings.configuration).toEqual({
      ...configured.kubeProxy,
      hostnameOverride: 'node-b',
      logging: { ...DEFAULT_CONFIGURATION.logging, format: 'json', verbosity: 3 },
    });
    expect(settings.logging).toEqual({ format: 'json', verbosity: 3, splitStream: false });
    expect(warnings).toEqual([]);
  });

  test('counts more than other flags, whatever they say', () => {
    const flags = given(
      '--cluster-cidr',
      'nonsense',
      '--kubeconfig',
      'l',
      '--masquerade-all',
      '--ipvs-strict-arp',
    );
    const { settings, warnings } = agentSettings(flags, configured);
    expect(settings.configuration).toEqual(configured.kubeProxy);
    expect(settings.kubeconfig).toBe('k');
    expect(warnings).toEqual([
      '--kubeconfig has no effect: the file of --config overrides it',
      '--cluster-cidr has no effect: the file of --config overrides it',
      '--masquerade-all has no effect: the file of --config overrides it',
      '--ipvs-strict-arp has no effect: svc2ipt has no ipvs mode',
    ]);
  });

  test('leaves what it cannot say to flags', () => {
    const flags = given('--master', 'https://a', '--cleanup', '--dry-run', '--write-config-to', 'w');
    expect(agentSettings(flags, configured)).toMatchObject({
      settings: { master: 'https://a', cleanup: true, dryRun: true, writeConfigTo: 'w' },
      warnings: [],
    });
  });

  test.each<[string[], boolean, string]>([
    [[], true, 'fast'],
    [['--legacy-port-names'], true, 'fast'],
    [['--legacy-port-names=false'], false, 'fast'],
    [['--layout', 'kube-proxy'], true, 'kube-proxy'],
  ])('may have a section of our own: %j', (args, legacyPortNames, layout) => {
    const own = parseConfiguration({
      name: 'f',
      text: 'svc2ipt: {legacyPortNames: true, layout: fast, rejectUnassigned: true, commandTimeout: 3s, serviceMetrics: {maxSeries: 5}}',
    });
    expect(agentSettings(given(...args), own).settings.own).toEqual({
      legacyPortNames,
      layout,
      rejectUnassigned: true,
      commandTimeout: 3000,
      serviceMetrics: { maxSeries: 5 },
    });
  });

  test('that kube-proxy writes has nothing in it to warn of', () => {
    const text = configurationText(DEFAULT_CONFIGURATION);
    expect(agentSettings({}, parseConfiguration({ name: 'f', text })).warnings).toEqual([]);
  });

  test.each<[string, string]>([
    [
      'ipvs: {scheduler: rr}',
      'ipvs.scheduler in the configuration file has no effect: svc2ipt has no ipvs mode',
    ],
    [
      'nftables: {masqueradeBit: 3}',
      'nftables in the configuration file has no effect: svc2ipt has no nftables mode',
    ],
    [
      'windowsRunAsService: true',
      'windowsRunAsService in the configuration file has no effect: svc2ipt does not run on Windows',
    ],
    ['portRange: 1-2', 'portRange in the configuration file has no effect: kube-proxy v1.36 ignores it too'],
  ])('that asks for something in vain: %s', (text, expected) => {
    expect(agentSettings({}, file(text)).warnings).toEqual([expected]);
  });
});

test('an API server is not asked where there are manifests', () => {
  const flags = given('--manifests', 'm', '--master', 'https://a', '--kubeconfig', 'k');
  expect(agentSettings(flags).warnings).toEqual([
    '--kubeconfig has no effect: --manifests needs no API server',
    '--master has no effect: --manifests needs no API server',
  ]);
});

test('flags have names of their own, and fields, too', () => {
  for (const key of ['name', 'field', 'setting'] as const) {
    const values = FLAGS.flatMap((flag) => flag[key] ?? []);
    expect(new Set(values).size).toBe(values.length);
  }
});

test('help tells of each flag, its default, and why it has no effect', () => {
  const command = new Command();
  for (const option of agentOptions()) command.addOption(option);
  command.configureHelp({ helpWidth: 1000 });
  const help = command.helpInformation();
  for (const flag of FLAGS) {
    if (flag.hidden) expect(help).not.toContain(`--${flag.name} `);
    else expect(help).toContain(spelled(flag));
  }
  expect(help).toMatch(/--iptables-sync-period <duration> +check .* \(default: 30s\)\n/);
  expect(help).toMatch(/--iptables-masquerade-bit <number> .* \(default: 14\)\n/);
  expect(help).toMatch(/-v, --v <level> +how much to log \(default: 0\)\n/);
  expect(help).toMatch(
    /--cleanup \[bool\] +remove all rules of svc2ipt and kube-proxy from the kernel, then exit\n/,
  );
  expect(help).toMatch(/without effect:\n(.*\n)* +--ipvs-scheduler <text> +svc2ipt has no ipvs mode\n/);
});

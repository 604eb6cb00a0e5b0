import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import { printConfiguration } from '../api/print-configuration.ts';
import {
  configurationText,
  parseConfiguration,
  parseConfigurationLeniently,
  parseHost,
} from './configuration.ts';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

const recorded = (file: string) =>
  readFile(join(import.meta.dirname, '../../test/data/kube-proxy', file), 'utf8');

describe('a configuration', () => {
  test('that kube-proxy writes as its default', async () => {
    const text = await recorded('default-config.yaml');
    const { kubeProxy } = parseConfiguration({ name: 'f', text });
    expect(kubeProxy).toEqual({ ...DEFAULT_CONFIGURATION, clusterCIDR: ['10.244.0.0/16'] });
    expect(configurationText(kubeProxy)).toBe(text);
  });

  test('that kube-proxy tells of itself', async () => {
    const answer: unknown = JSON.parse(await recorded('configz.json'));
    const text = JSON.stringify(Object.values(answer as object)[0]);
    const { kubeProxy } = parseConfiguration({ name: 'f', text });
    expect(kubeProxy).toEqual({
      ...DEFAULT_CONFIGURATION,
      clientConnection: { ...DEFAULT_CONFIGURATION.clientConnection, kubeconfig: 'kubeconfig' },
      logging: { ...DEFAULT_CONFIGURATION.logging, verbosity: 2 },
      hostnameOverride: 'node1',
      clusterCIDR: ['10.244.0.0/14'],
      nodePortAddresses: ['primary'],
      conntrack: { ...DEFAULT_CONFIGURATION.conntrack, maxPerCore: 0 },
    });
    expect(JSON.stringify(printConfiguration(kubeProxy))).toBe(text);
  });

  test('is written so that it is read as the same again', () => {
    const text = JSON.stringify({
      apiVersion: DEFAULT_CONFIGURATION.apiVersion,
      kind: DEFAULT_CONFIGURATION.kind,
      bindAddress: '::',
      hostnameOverride: 'true',
      featureGates: { y: true, '1': false },
      portRange: '1-2',
      ipvs: { scheduler: 'a: b\n#'.repeat(40) },
    });
    const { kubeProxy } = parseConfiguration({ name: 'f', text });
    const written = configurationText(kubeProxy);
    expect(parseConfiguration({ name: 'f', text: written }).kubeProxy).toEqual(kubeProxy);
  });

  test.each<[string, string, boolean | undefined]>([
    ['an empty file', '', undefined],
    ['a comment', '# nothing\n', undefined],
    ['nothing but its type', HEAD, undefined],
    ['a section of our own', 'svc2ipt: {legacyPortNames: true}\n', true],
    ['both', `${HEAD}---\nsvc2ipt: {legacyPortNames: true}\n`, true],
    ['both, the other way round', `svc2ipt: {legacyPortNames: false}\n---\n${HEAD}`, false],
  ])('%s', (_, text, legacyPortNames) => {
    const { kubeProxy, own } = parseConfiguration({ name: 'f', text });
    expect(kubeProxy).toEqual(DEFAULT_CONFIGURATION);
    expect(own).toEqual({ legacyPortNames, layout: undefined });
  });

  test.each<[string, string, string]>([
    [
      'YAML that is none',
      'mode: [',
      'f, document 1, line 1, column 8: the list before it is not closed by "]"',
    ],
    ['an unknown field', `${HEAD}modus: iptables`, 'f, document 1, modus: unknown field'],
    ['a key twice', `${HEAD}mode: ""\nmode: ""`, 'f, document 1, line 4, column 1: duplicate key "mode"'],
    [
      'two configurations',
      `${HEAD}---\n${HEAD}`,
      'f, document 2: expected at most one KubeProxyConfiguration and one svc2ipt section',
    ],
    [
      'two sections',
      'svc2ipt: {}\n---\nsvc2ipt: {}',
      'f, document 2: expected at most one KubeProxyConfiguration and one svc2ipt section',
    ],
    [
      'problems of all documents',
      `${HEAD}modus: x\n---\nsvc2ipt: {legacy: true}\n`,
      'f, document 1, modus: unknown field\nf, document 2, svc2ipt.legacy: unknown field',
    ],
    ['a text', 'iptables', 'f, document 1: expected a mapping, got "iptables"'],
  ])('refused: %s', (_, text, expected) => {
    expect(() => parseConfiguration({ name: 'f', text })).toThrow(expected);
  });
});

describe('read as kube-proxy does', () => {
  test.each<[string, string, readonly string[]]>([
    ['nothing unknown', `${HEAD}mode: iptables`, []],
    ['an empty file', '', []],
    [
      'fields of older versions',
      `${HEAD}udpIdleTimeout: 0s\nipvs: {ipSet: {hashSize: 1}}\niptables: {masqueradeBits: 1}\n---\nsvc2ipt: {}`,
      [
        'f, document 1, iptables.masqueradeBits: unknown field, ignored',
        'f, document 1, ipvs.ipSet: unknown field, ignored',
        'f, document 1, udpIdleTimeout: unknown field, ignored',
      ],
    ],
    [
      'in lists, too',
      `${HEAD}logging: {vmodule: [{filePattern: a, verbosity: 0}, {filePattern: b, verbosity: 1, c: 2}]}`,
      ['f, document 1, logging.vmodule[1].c: unknown field, ignored'],
    ],
  ])('%s', (_, text, expected) => {
    const { configuration, warnings } = parseConfigurationLeniently({ name: 'f', text });
    expect(warnings).toEqual(expected);
    expect(configuration.kubeProxy.iptables).toEqual(DEFAULT_CONFIGURATION.iptables);
    expect(configuration.own).toEqual({ legacyPortNames: undefined, layout: undefined });
  });

  test.each(['v1', 'null'])('version %s of our own section is the one that there is', (version) => {
    const text = `svc2ipt: {version: ${version}, layout: fast}`;
    expect(parseConfiguration({ name: 'f', text }).own).toEqual(
      parseConfiguration({ name: 'f', text: 'svc2ipt: {layout: fast}' }).own,
    );
  });

  test('what is known counts', () => {
    const text = `${HEAD}a: 1\niptables: {b: 2, masqueradeBit: 3}`;
    const { configuration } = parseConfigurationLeniently({ name: 'f', text });
    expect(configuration).toEqual(
      parseConfiguration({ name: 'f', text: `${HEAD}iptables: {masqueradeBit: 3}` }),
    );
  });

  test.each<[string, string, string]>([
    [
      'a field that is wrong',
      `${HEAD}a: 1\nmode: ipvs`,
      'f, document 1, mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "ipvs"',
    ],
    ['an unknown field of our own', 'svc2ipt: {a: 1}', 'f, document 1, svc2ipt.a: unknown field'],
    [
      'a misspelt field of our own',
      'svc2ipt: {layuot: fast}',
      'f, document 1, svc2ipt.layuot: unknown field (layout?)',
    ],
    [
      'one further inside',
      'svc2ipt: {serviceMetrics: {maxserie: 1}}',
      'f, document 1, svc2ipt.serviceMetrics.maxserie: unknown field (maxSeries?)',
    ],
    [
      'another version of our own section',
      'svc2ipt: {version: v2}',
      'f, document 1, svc2ipt.version: expected v1 or nothing (this svc2ipt knows no other version of its section), got "v2"',
    ],
    ['a text', 'iptables', 'f, document 1: expected a mapping, got "iptables"'],
    [
      'another object',
      'apiVersion: v1\nkind: ConfigMap\ndata: {}',
      'f, document 1, apiVersion: expected kubeproxy.config.k8s.io/v1alpha1, got "v1"',
    ],
  ])('refused: %s', (_, text, expected) => {
    expect(() => parseConfigurationLeniently({ name: 'f', text })).toThrow(expected);
  });
});

describe('a file of facts', () => {
  test('is read', () => {
    expect(parseHost({ name: 'f', text: 'name: node-a\nips: [192.168.0.2]' })).toEqual({
      name: 'node-a',
      ips: ['192.168.0.2'],
    });
  });

  test('may be empty', () => {
    expect(parseHost({ name: 'f', text: '' })).toEqual({});
  });

  test.each<[string, string, string]>([
    [
      'YAML that is none',
      'name: [',
      'f, document 1, line 1, column 8: the list before it is not closed by "]"',
    ],
    ['an unknown field', 'nodeName: a', 'f, document 1, nodeName: unknown field'],
    ['two documents', 'name: a\n---\nname: b', 'f, document 2: expected one document'],
  ])('refused: %s', (_, text, expected) => {
    expect(() => parseHost({ name: 'f', text })).toThrow(expected);
  });
});

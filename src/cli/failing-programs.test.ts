/** Every command on a machine whose programs fail: what is told, and how it ends. */
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { manifests } from '../../test/support/looking.ts';
import { MAIN } from '../../test/support/project.ts';
import { SILENT } from '../agent/log.ts';
import { runAgent } from '../agent/run-agent.ts';
import { agentSettings } from '../agent/settings/settings.ts';
import { deleteStaleFlows } from '../applier/conntrack.ts';
import { createNfacct } from '../applier/nfacct.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { applyAction } from './commands/apply.ts';
import { cleanupAction } from './commands/cleanup.ts';
import { diffAction } from './commands/diff.ts';
import { explainAction } from './commands/explain.ts';
import { traceAction } from './commands/trace.ts';

const PROGRAMS = ['iptables', 'ip6tables']
  .flatMap((name) => [name, `${name}-nft`, `${name}-legacy`])
  .flatMap((name) => [name, `${name}-save`, `${name}-restore`])
  .concat('nft', 'nfacct', 'conntrack');

/**
 * A machine whose programs work: its kernel has one chain of somebody else's, and that is all. They use nothing but
 * the shell, as there are no other programs in PATH.
 */
const WORKING = `
case "\${0##*/} $*" in
*' --version') echo 'iptables v1.8.9 (nf_tables)' ;;
*' -C '*) exit 1 ;;
*' -S '*) for chain; do :; done; echo "-P $chain ACCEPT" ;;
*-save*) printf '*nat\\n:PREROUTING ACCEPT [0:0]\\nCOMMIT\\n' ;;
'nft list chains'*) printf 'table ip nat {\\n\\tchain PREROUTING {\\n\\t}\\n}\\n' ;;
esac
`;

/** A busy machine starts processes slowly. */
vi.setConfig({ testTimeout: 300_000 });

const BY_HAND = 'run it by hand as the same user to find out why';

let folder: string;
let objects: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-failing-'));
  objects = join(folder, 'objects.json');
  await writeFile(objects, manifests());
});
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  path = await mkdtemp(join(folder, 'path-'));
  vi.stubEnv('PATH', path);
});
afterEach(() => void vi.unstubAllEnvs());

/**
 * Puts all programs into PATH.
 * @param failing the calls that fail, as a pattern of the shell, such as `*\ --version`
 * @param how commands of the shell
 */
async function install(failing: string, how: string): Promise<void> {
  const program = join(path, 'program');
  const script = `#!/bin/sh\ncase "\${0##*/} $*" in ${failing})\n${how}\n;; esac${WORKING}`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  await Promise.all(PROGRAMS.map((name) => symlink(program, join(path, name))));
}

const SPLIT_STREAM = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
logging: {options: {text: {splitStream: true}}}
metricsBindAddress: ""
healthzBindAddress: ""
`;

const FROM_AND_TO = { from: '203.0.113.1', to: '10.96.0.10:80/tcp' };

/** Each command that runs programs; with the backend named, so that the first to be run is always the same. */
const COMMANDS: Readonly<Record<string, () => Promise<unknown>>> = {
  apply: () => applyAction({ filename: [objects], backend: 'nft', output: 'text' }),
  'apply --dry-run': () => applyAction({ filename: [objects], backend: 'nft', output: 'text', dryRun: true }),
  diff: () => diffAction({ output: 'text', filename: [objects], backend: 'nft', workloads: true }),
  trace: () => traceAction({ ...FROM_AND_TO, backend: 'nft', output: 'text', workloads: true }),
  explain: () => explainAction('KUBE-SERVICES', { backend: 'nft', output: 'text', workloads: true }),
  cleanup: () => cleanupAction({ backend: 'nft' }),
  agent: async () => {
    const { settings } = agentSettings({ manifests: [folder], dryRun: true, backend: ['nft'] });
    await runAgent(settings, '0.0.0', SILENT, AbortSignal.abort());
  },
};

async function failureOf(command: string): Promise<Error> {
  const error: unknown = await COMMANDS[command]?.().catch((error: unknown) => error);
  expect(error).toBeInstanceOf(OperationalError);
  return error as Error;
}

describe('however a program fails', () => {
  const doubled = `s=xxxxxxxxxx; for i in ${Array(18).fill('x').join(' ')}; do s=$s$s; done`;

  test.each<[string, string, string]>([
    [
      'unknown words',
      'echo Invalid argument >&2; exit 4',
      `ended with exit code 4: Invalid argument\n${BY_HAND}`,
    ],
    ['no words', 'exit 77', `ended with exit code 77 and said nothing\n${BY_HAND}`],
    [
      'control characters',
      String.raw`printf '\033[2J\001\n' >&2; exit 1`,
      `ended with exit code 1: \\u001b[2J\\u0001\n${BY_HAND}`,
    ],
    [
      'megabytes',
      `${doubled}; echo "$s" >&2; exit 1`,
      `ended with exit code 1: ${'x'.repeat(700)} ... (2621441 characters)\n${BY_HAND}`,
    ],
    [
      'killed',
      'kill -KILL $$',
      'was killed by SIGKILL\nif nobody killed it, memory may have run out (see dmesg): try again',
    ],
    [
      'the lock is held',
      'echo "Another app is currently holding the xtables lock." >&2; exit 4',
      'another program has held the xtables lock for more than 5 s: find it with fuser /run/xtables.lock, then try again',
    ],
    [
      'not permitted',
      'echo "Permission denied (you must be root)" >&2; exit 4',
      'is not permitted to read the rules: run as root or with CAP_NET_ADMIN (Permission denied (you must be root))',
    ],
  ])('%s', async (_, how, expected) => {
    await install('*', how);
    for (const command of Object.keys(COMMANDS)) {
      const { message } = await failureOf(command);
      // Both families are asked at once: which answers first is anybody's guess.
      expect(message, command).toMatch(command === 'cleanup' ? /^iptables-nft-save\b/ : /^ip6?tables-nft\b/);
      expect(message.slice(-expected.length), command).toBe(expected);
    }
  });

  test.each<[string, () => Promise<void>, string]>([
    [
      'not there',
      async () => {},
      'is not installed: install iptables (Debian and Ubuntu: apt install iptables)',
    ],
    [
      'not executable',
      async () => {
        await install('*', 'exit 0');
        await chmod(join(path, 'program'), 0o644);
      },
      'cannot be run: permission denied (EACCES)\nrun as root, or make the file executable (chmod +x, mount without noexec)',
    ],
    [
      'a folder',
      async () => {
        for (const name of PROGRAMS) await mkdir(join(path, name));
      },
      'cannot be run: permission denied (EACCES)\nrun as root, or make the file executable (chmod +x, mount without noexec)',
    ],
    [
      'too large an environment',
      async () => {
        await install('*', 'exit 0');
        vi.stubEnv('LARGE', 'x'.repeat(300_000));
      },
      'cannot be run: its arguments and environment are too long for the system (E2BIG)\nrun svc2ipt with fewer or shorter environment variables',
    ],
  ])('it does not start: %s', async (_, prepare, expected) => {
    await prepare();
    for (const command of Object.keys(COMMANDS)) {
      const { message } = await failureOf(command);
      expect(message, command).toMatch(/^ip6?tables-nft(?:-save)? /);
      expect(message.slice(-expected.length), command).toBe(expected);
    }
  });
});

/** Words that nobody has foreseen, wherever they come. */
test.each<[string, string, string]>([
  ['apply', 'iptables-nft\\ *-[CS]*', 'iptables-nft --wait 5 -t nat -S POSTROUTING'],
  ['trace', 'iptables-nft\\ *-[CS]*', 'iptables-nft --wait 5 -t nat -S POSTROUTING'],
  ['diff', 'ip6tables-nft\\ *-[CS]*', 'ip6tables-nft --wait 5 -t nat -S POSTROUTING'],
  ['agent', 'iptables-nft\\ *-[CS]*', 'iptables-nft --wait 5 -t nat -S POSTROUTING'],
  ['apply', 'iptables-nft-save\\ *', 'iptables-nft-save --counters'],
  ['diff', 'ip6tables-nft-save\\ *', 'ip6tables-nft-save --counters'],
  ['trace', 'iptables-nft-save*', 'iptables-nft-save'],
  ['explain', 'iptables-nft-save*', 'iptables-nft-save'],
  ['cleanup', 'iptables-nft\\ *', 'iptables-nft --wait 5 -t nat -S PREROUTING'],
  ['apply', 'iptables-nft-restore*', 'iptables-nft-restore --noflush --counters --wait 5'],
])('%s, where %s fails', async (command, failing, told) => {
  await install(failing, 'echo Invalid argument >&2; exit 4');
  const { message } = await failureOf(command);
  expect(message).toBe(`${told} ended with exit code 4: Invalid argument\n${BY_HAND}`);
});

describe('what a program prints that ends well is not taken for an empty kernel', () => {
  test.each<[string, string, string, string]>([
    ['diff', 'iptables-nft-save\\ *', 'echo garbage', 'line 1 is "garbage"'],
    [
      'apply',
      'ip6tables-nft-save\\ *',
      String.raw`printf '*nat\n:KUBE-SERVICES - [0:0]\n'`,
      'line 2 is the last one, and no COMMIT',
    ],
    ['diff', 'iptables-legacy-save*', 'echo usage:', 'line 1 is "usage:"'],
    ['cleanup', 'iptables-nft\\ *-S*', 'echo nothing', 'it is not the listing of a chain'],
    ['cleanup', 'iptables-nft\\ *-S*', ':', 'the chain PREROUTING is missing'],
    ['cleanup', '*nft\\ list*|iptables-nft-save*', 'echo nothing', 'line 1 is "nothing"'],
  ])('%s, where %s does %s', async (command, printing, how, problem) => {
    await install(printing, `${how}; exit`);
    const { message } = await failureOf(command);
    expect(message).toContain(` ended with exit code 0, but its output is invalid: ${problem}\n`);
    expect(message).toMatch(/\nrun it by hand, and check which program it is \(command -v ip6?tables-\S+\)$/);
  });

  test('nor for a node that uses no iptables yet', async () => {
    await install('iptables-legacy-save*', 'echo garbage; exit');
    await expect(diffAction({ output: 'text', filename: [objects], workloads: true })).rejects.toThrow(
      /^iptables-legacy-save ended with exit code 0, but its output is invalid: line 1 is "garbage"\n/,
    );
  });
});

describe('a program that was killed has not answered', () => {
  test.each([
    ['what iptables knows', 'iptables-nft\\ *bpf*', 'iptables-nft --wait 5 -t nat -C POSTROUTING -m recent'],
    ['what the other backend holds', 'iptables-legacy-save*', 'iptables-legacy-save --counters'],
  ])('%s', async (_, failing, told) => {
    await install(failing, 'kill -KILL $$');
    const { message } = await failureOf('diff');
    expect(message.startsWith(told)).toBe(true);
    expect(message).toContain(' was killed by SIGKILL\n');
  });

  test('which backend is in use', async () => {
    await install('iptables-nft-save*', 'kill -KILL $$');
    await expect(diffAction({ output: 'text', filename: [objects], workloads: true })).rejects.toThrow(
      /^iptables-nft-save -t mangle was killed by SIGKILL\n/,
    );
  });
});

describe('cleanup', () => {
  test('takes what is not there for empty', async () => {
    await install(
      '*-legacy-save*',
      'echo "iptables: Table does not exist (do you need to insmod?)" >&2; exit 3',
    );
    expect(await cleanupAction({})).toEqual({
      output: 'ipv4 (nft): nothing of ours\nipv6 (nft): nothing of ours\n',
    });
  });

  test.each([
    ['what it cannot look at', 'echo "Permission denied (you must be root)" >&2; exit 3', 'CAP_NET_ADMIN'],
    ['what somebody else has locked', 'echo "holding the xtables lock" >&2; exit 4', 'xtables lock'],
  ])('does not take %s for empty', async (_, how, told) => {
    await install('*-legacy-save*', how);
    await expect(cleanupAction({})).rejects.toThrow(told);
  });
});

describe('other programs', () => {
  const destinations = { current: [], former: [{ address: '10.96.0.10', port: 53 }] };

  test('conntrack', async () => {
    await install('conntrack*', 'echo "Operation failed: Invalid argument" >&2; exit 1');
    await expect(deleteStaleFlows('ipv4', destinations)).rejects.toThrow(
      new OperationalError(
        'the rules are correct, but UDP flows to removed endpoints may go on: ' +
          'conntrack -L -f ipv4 -p udp ended with exit code 1: Operation failed: Invalid argument\n' +
          BY_HAND,
      ),
    );
  });

  test.each<[string, string, readonly string[]]>([
    ['that list', '*list', [`nfacct list ended with exit code 1: Invalid argument\n${BY_HAND}`]],
    [
      'that add',
      '*add*',
      [`nfacct add ct_state_invalid_dropped_pkts ended with exit code 1: Invalid argument\n${BY_HAND}`],
    ],
  ])('nfacct: rules do without objects %s', async (_, failing, expected) => {
    await install(failing, 'echo Invalid argument >&2; exit 1');
    expect(await createNfacct()).toEqual({
      exist: false,
      warnings: expected.map((message) => `rules count no packets, as nfacct fails: ${message}`),
    });
  });

  test('no nfacct is nothing to speak of', async () => {
    expect(await createNfacct()).toEqual({ exist: false, warnings: [] });
  });
});

describe('as a user sees it', () => {
  const told = (command: string) => [`${command} ended with exit code 4: Invalid argument`, BY_HAND];
  const asErrors = (lines: readonly string[]) => lines.map((line) => `error: ${line}\n`).join('');

  test('one message, exit code 2, nothing on standard output, and no stack', async () => {
    await install('*', 'echo Invalid argument >&2; exit 4');
    const svc2ipt = async (...args: string[]) => {
      const options = {
        env: { PATH: path },
        input: '',
        extendEnv: false,
        reject: false,
        stripFinalNewline: false,
      } as const;
      const { exitCode, stdout, stderr } = await execa(process.execPath, [MAIN, ...args], options);
      // Both families are asked at once.
      return { exitCode, stdout, stderr: stderr.replace('ip6tables', 'iptables') };
    };
    const [ofDiff, ofTrace, ofCleanup, ofAgent] = await Promise.all([
      svc2ipt('diff', '-f', objects),
      svc2ipt('trace', '--from', FROM_AND_TO.from, '--to', FROM_AND_TO.to),
      svc2ipt('cleanup'),
      svc2ipt('agent', '--dry-run', '--manifests', folder),
    ]);
    const failed = { exitCode: 2, stdout: '' };
    expect(ofDiff).toEqual({ ...failed, stderr: asErrors(told('iptables --version')) });
    expect(ofTrace).toEqual({ ...failed, stderr: asErrors(told('iptables --version')) });
    expect(ofCleanup).toEqual({ ...failed, stderr: asErrors(told('iptables-nft-save --counters')) });
    expect(ofAgent).toMatchObject({ ...failed, exitCode: 1 });
    const messages = ofAgent.stderr.split('\n').map((line) => line.replace(/^E.*?\] /, ''));
    expect(messages).toEqual([...told('iptables --version').map((line) => JSON.stringify(line)), '']);
  });

  test('the agent goes on, though whoever read its log has gone away', async () => {
    await install('nothing', '');
    const config = join(path, 'config.yaml');
    await writeFile(config, SPLIT_STREAM);
    const args = ['agent', '--dry-run', '--manifests', folder, '--config', config];
    const options = { env: { PATH: path }, extendEnv: false, reject: false, buffer: false } as const;
    const agent = execa(process.execPath, [MAIN, ...args], options);
    await once(agent.stdout, 'data');
    agent.stdout.destroy();
    // Told on standard output, which nobody reads; the second on standard error.
    agent.kill('SIGHUP');
    await writeFile(join(folder, 'broken.yaml'), 'kind: [');
    const told = await Promise.race([
      once(agent.stderr, 'data').then(String),
      agent.then(() => 'it has ended'),
    ]);
    expect(told).toContain('broken.yaml');
    agent.kill('SIGTERM');
    expect(await agent).toMatchObject({ exitCode: 0 });
    await rm(join(folder, 'broken.yaml'));
  });
});

/** What docs/replacing-kube-proxy.md promises of the commands that follow the word "Check". */
import { expect } from 'vitest';
import { NODE_NAME } from '../kernel/lab.ts';
import { COMMANDS, type PageCommand } from './page.ts';

interface Check {
  readonly section: string;
  /** How the command begins. */
  readonly command: string;
  /** Fails where the output is not what the page says. */
  readonly promise: (output: string) => void;
}

/** A line of `kubectl get daemonset`: so many desired, current, ready, up to date and available. */
const daemonSet = (name: string, count: number): RegExp =>
  new RegExp(`^${name}${` +${count}`.repeat(5)} `, 'm');

const runningPod = (name: string): RegExp => new RegExp(`^${name}-\\w+ +1/1 +Running .*${NODE_NAME}`, 'm');

const CHECKS: readonly Check[] = [
  {
    section: 'Before',
    command: 'kubectl -n kube-system get configmap',
    promise: (output) => expect(output).toMatch(/^clusterCIDR: 10\.244.*\nmode: ""\n$/),
  },
  {
    section: 'Make room',
    command: 'kubectl -n kube-system get daemonset',
    promise: (output) => {
      expect(output).toMatch(daemonSet('kube-proxy', 2));
      expect(output).toMatch(daemonSet('svc2ipt', 0));
    },
  },
  {
    section: 'The first node',
    command: 'kubectl -n kube-system get pods',
    promise: (output) => {
      expect(output).toMatch(runningPod('svc2ipt'));
      expect(output).not.toContain('kube-proxy');
    },
  },
  {
    section: 'The first node',
    command: 'kubectl -n kube-system logs',
    promise: (output) => {
      expect(output).toMatch(new RegExp(`^I.*"Starting" .*node="${NODE_NAME}"`, 'm'));
      const warnings = output.match(/^[WE].*$/gm) ?? [];
      expect(
        warnings.filter((line) => !/Cannot set oom_score_adj|nodePortAddresses is unset/.test(line)),
      ).toEqual([]);
    },
  },
  {
    section: 'The first node',
    command: 'kubectl describe node',
    promise: (output) => {
      const [, events = ''] = output.split(/^Events:/m);
      expect(events).toMatch(/Normal +Starting .*svc2ipt/);
      expect(events).not.toContain('Warning');
    },
  },
  {
    section: 'The first node',
    command: 'for page in',
    promise: (output) => {
      expect(output).toMatch(/^200 \{.*"healthy":true/m);
      for (const family of ['ipv4', 'ipv6']) {
        expect(output).toContain(`# ${family}: the kernel has the compiled rules`);
        expect(output).toMatch(new RegExp(`# ${family}: (?:given to|nothing written yet)`));
      }
    },
  },
  {
    section: 'The first node',
    command: 'probe "$NODE"',
    promise: (output) => expect(output).toContain('connected to 10.96.0.1'),
  },
  {
    section: 'The first node',
    command: 'kubectl -n kube-system exec "$POD" -- svc2ipt trace',
    promise: (output) => expect(output).toContain('It goes to 10.244.1.2:53'),
  },
  {
    section: 'All other nodes',
    command: 'kubectl -n kube-system get daemonset',
    promise: (output) => {
      expect(output).toMatch(daemonSet('kube-proxy', 0));
      expect(output).toMatch(daemonSet('svc2ipt', 2));
    },
  },
  {
    section: 'Back',
    command: 'kubectl -n kube-system get pods',
    promise: (output) => {
      expect(output).toMatch(runningPod('kube-proxy'));
      expect(output).not.toContain('svc2ipt');
    },
  },
  {
    section: 'Back',
    command: 'probe "$NODE"',
    promise: (output) => expect(output).toContain('connected to 10.96.0.1'),
  },
  {
    section: 'Back',
    command: 'kubectl -n kube-system get daemonset',
    promise: (output) => {
      expect(output).toMatch(daemonSet('kube-proxy', 2));
      expect(output).not.toContain('svc2ipt');
    },
  },
];

const concerns = (check: Check, { section, text }: PageCommand): boolean =>
  check.section === section && text.startsWith(check.command);

/** What the page promises of a command; undefined where it says nothing. */
export function promiseOf(command: PageCommand): Check['promise'] | undefined {
  return CHECKS.find((check) => concerns(check, command))?.promise;
}

/** Checks of commands that the page does not have. */
export function checksOfNothing(): string[] {
  return CHECKS.filter((check) => !COMMANDS.some((command) => concerns(check, command))).map(
    ({ section, command }) => `${section}: ${command}`,
  );
}

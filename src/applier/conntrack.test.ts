import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { UdpAddress, UdpDestination } from '../net/flows.ts';
import { deleteStaleFlows, parseFlows, staleFlows, type UdpFlow } from './conntrack.ts';

const FLOW =
  'udp      17 26 src=10.0.0.1 dst=10.96.0.10 sport=1 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=1 mark=0 use=1';

/** Lines of conntrack 1.4.7. */
describe('parseFlows', () => {
  test.each<[string, string, UdpFlow[]]>([
    ['nothing', '', []],
    [
      'a redirected flow',
      'udp      17 26 src=10.0.0.1 dst=10.96.0.10 sport=58871 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=58871 mark=0 use=1',
      [{ destination: '10.96.0.10', port: 53, answers: '10.0.0.2:5353' }],
    ],
    [
      'one that was answered more than once',
      'udp      17 118 src=10.0.0.1 dst=10.96.0.10 sport=1 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=1 [ASSURED] mark=0 use=1',
      [{ destination: '10.96.0.10', port: 53, answers: '10.0.0.2:5353' }],
    ],
    [
      'one that nobody has answered yet',
      'udp      17 29 src=10.0.0.1 dst=10.96.0.10 sport=37784 dport=53 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=37784 mark=0 use=1',
      [{ destination: '10.96.0.10', port: 53, answers: '10.0.0.2:5353' }],
    ],
    [
      'one that nothing redirected',
      'udp      17 26 src=10.0.0.1 dst=10.96.0.11 sport=38331 dport=53 [UNREPLIED] src=10.96.0.11 dst=10.0.0.1 sport=53 dport=38331 mark=0 use=1',
      [{ destination: '10.96.0.11', port: 53, answers: '10.96.0.11:53' }],
    ],
    [
      'IPv6',
      'udp      17 26 src=fd00::1 dst=fd00:96::a sport=56434 dport=53 src=fd00::2 dst=fd00::1 sport=5353 dport=56434 mark=0 use=1',
      [{ destination: 'fd00:96::a', port: 53, answers: '[fd00::2]:5353' }],
    ],
    [
      'with counters, zones and labels',
      'udp      17 26 src=10.0.0.1 dst=10.96.0.10 sport=1 dport=53 packets=3 bytes=87 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=1 packets=3 bytes=87 [ASSURED] mark=16384 zone=2 use=2',
      [{ destination: '10.96.0.10', port: 53, answers: '10.0.0.2:5353' }],
    ],
    [
      'several',
      [
        'udp      17 26 src=10.0.0.1 dst=10.96.0.10 sport=1 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=1 mark=0 use=1',
        'udp      17 26 src=10.0.0.1 dst=10.96.0.10 sport=2 dport=53 src=10.0.0.3 dst=10.0.0.1 sport=5353 dport=2 mark=0 use=1',
      ].join('\n'),
      [
        { destination: '10.96.0.10', port: 53, answers: '10.0.0.2:5353' },
        { destination: '10.96.0.10', port: 53, answers: '10.0.0.3:5353' },
      ],
    ],
  ])('%s', (_, text, expected) => {
    expect(parseFlows(text === '' ? '' : `${text}\n`)).toEqual({ flows: expected, problem: undefined });
  });

  test.each<[string, string, string]>([
    ['garbage', 'garbage\n', 'line 1 is "garbage"'],
    ['an empty line', `${FLOW}\n\n`, 'line 2 is ""'],
    ['another protocol', `${FLOW}\n${FLOW.replace('udp ', 'tcp ')}\n`, 'line 2 is "tcp '],
    ['a flow without answers', `${FLOW.slice(0, FLOW.lastIndexOf(' src='))}\n`, 'line 1 is "udp '],
    ['no addresses', `${FLOW.replace('10.96.0.10', '10.96.0.999')}\n`, 'line 1 is "udp '],
    ['not all', `${FLOW}\n${FLOW}`, 'line 2 has no end'],
  ])('what cannot be right: %s', (_, text, problem) => {
    expect(parseFlows(text).problem).toContain(problem);
  });
});

describe('staleFlows', () => {
  const flow = (destination: string, port: number, answers: string): UdpFlow => ({
    destination,
    port,
    answers,
  });
  const to = (address: string | undefined, port: number, ...endpoints: string[]): UdpDestination => ({
    address,
    port,
    endpoints: new Set(endpoints),
  });
  const local = new Set(['192.168.0.2', '127.0.0.1']);

  test.each<[string, UdpFlow[], UdpDestination[], UdpFlow[]]>([
    ['nothing at all', [], [], []],
    [
      'to an endpoint that is there',
      [flow('10.96.0.10', 53, '10.0.0.1:53')],
      [to('10.96.0.10', 53, '10.0.0.1:53')],
      [],
    ],
    [
      'to one that is not',
      [flow('10.96.0.10', 53, '10.0.0.9:53')],
      [to('10.96.0.10', 53, '10.0.0.1:53')],
      [flow('10.96.0.10', 53, '10.0.0.9:53')],
    ],
    [
      'to another port of one that is there',
      [flow('10.96.0.10', 53, '10.0.0.1:54')],
      [to('10.96.0.10', 53, '10.0.0.1:53')],
      [flow('10.96.0.10', 53, '10.0.0.1:54')],
    ],
    [
      'from before there was an endpoint',
      [flow('10.96.0.10', 53, '10.96.0.10:53')],
      [to('10.96.0.10', 53, '10.0.0.1:53')],
      [flow('10.96.0.10', 53, '10.96.0.10:53')],
    ],
    [
      'when there are no endpoints any more',
      [flow('10.96.0.10', 53, '10.0.0.1:53')],
      [to('10.96.0.10', 53)],
      [flow('10.96.0.10', 53, '10.0.0.1:53')],
    ],
    ['of somebody else', [flow('10.0.0.7', 53, '10.0.0.7:53')], [to('10.96.0.10', 53, '10.0.0.1:53')], []],
    [
      'to another port of the Service',
      [flow('10.96.0.10', 54, '10.96.0.10:54')],
      [to('10.96.0.10', 53, '10.0.0.1:53')],
      [],
    ],
    [
      'the same kind twice counts once',
      [flow('10.96.0.10', 53, '10.0.0.9:53'), flow('10.96.0.10', 53, '10.0.0.9:53')],
      [to('10.96.0.10', 53)],
      [flow('10.96.0.10', 53, '10.0.0.9:53')],
    ],
    [
      'to a node port, on an address of the node',
      [flow('192.168.0.2', 30053, '10.0.0.9:53'), flow('192.168.0.2', 30053, '10.0.0.1:53')],
      [to(undefined, 30053, '10.0.0.1:53')],
      [flow('192.168.0.2', 30053, '10.0.0.9:53')],
    ],
    [
      'to that port of another node',
      [flow('192.168.0.3', 30053, '192.168.0.3:30053')],
      [to(undefined, 30053, '10.0.0.1:53')],
      [],
    ],
    [
      'an address of its own comes before the node port',
      [flow('192.168.0.2', 30053, '10.0.0.1:53')],
      [to(undefined, 30053), to('192.168.0.2', 30053, '10.0.0.1:53')],
      [],
    ],
    [
      'IPv6',
      [flow('fd00::a', 53, '[fd00::9]:53'), flow('fd00::a', 53, '[fd00::1]:53')],
      [to('fd00::a', 53, '[fd00::1]:53')],
      [flow('fd00::a', 53, '[fd00::9]:53')],
    ],
  ])('%s', (_, flows, destinations, expected) => {
    expect(staleFlows(flows, { current: destinations, former: [] }, local)).toEqual(expected);
  });

  test.each<[string, UdpFlow, UdpAddress[], UdpDestination[], boolean]>([
    [
      'to a former address',
      flow('10.96.0.10', 53, '10.0.0.1:53'),
      [{ address: '10.96.0.10', port: 53 }],
      [],
      true,
    ],
    [
      'to another port there',
      flow('10.96.0.10', 54, '10.0.0.1:53'),
      [{ address: '10.96.0.10', port: 53 }],
      [],
      false,
    ],
    [
      'that nothing ever redirected',
      flow('10.96.0.10', 53, '10.96.0.10:53'),
      [{ address: '10.96.0.10', port: 53 }],
      [],
      false,
    ],
    [
      'to the same address, but another port behind it',
      flow('10.96.0.10', 53, '10.96.0.10:5353'),
      [{ address: '10.96.0.10', port: 53 }],
      [],
      true,
    ],
    [
      'to a former node port',
      flow('192.168.0.2', 30053, '10.0.0.1:53'),
      [{ address: undefined, port: 30053 }],
      [],
      true,
    ],
    [
      'to a program of the node, on a former node port',
      flow('192.168.0.2', 30053, '192.168.0.2:30053'),
      [{ address: undefined, port: 30053 }],
      [],
      false,
    ],
    [
      'to a former node port of another node',
      flow('192.168.0.3', 30053, '10.0.0.1:53'),
      [{ address: undefined, port: 30053 }],
      [],
      false,
    ],
    [
      'to a former external IP of the node, whose port is a node port now',
      flow('192.168.0.2', 30053, '10.0.0.1:53'),
      [{ address: '192.168.0.2', port: 30053 }],
      [to(undefined, 30053, '10.0.0.1:53')],
      false,
    ],
    [
      'to a former node port, at an external IP of the node',
      flow('192.168.0.2', 30053, '10.0.0.1:53'),
      [{ address: undefined, port: 30053 }],
      [to('192.168.0.2', 30053, '10.0.0.1:53')],
      false,
    ],
    ['IPv6', flow('fd00::a', 53, '[fd00::1]:53'), [{ address: 'fd00::a', port: 53 }], [], true],
    [
      'IPv6, never redirected',
      flow('fd00::a', 53, '[fd00::a]:53'),
      [{ address: 'fd00::a', port: 53 }],
      [],
      false,
    ],
  ])('of what was served once: %s', (_, flow, former, current, stale) => {
    expect(staleFlows([flow], { current, former }, local)).toEqual(stale ? [flow] : []);
  });
});

/** What conntrack 1.4.7 says where a flow that it has just listed has ended before it deletes it. */
const GONE = "conntrack v1.4.7 (conntrack-tools): Operation failed: such conntrack doesn't exist";

describe('flows that end by themselves while they are deleted', () => {
  /** How often conntrack was asked to delete, with one that is told so many times that a flow is gone. */
  async function deletions(times: number): Promise<number> {
    const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-conntrack-'));
    try {
      const calls = join(folder, 'calls');
      const script = `#!/bin/sh
case $1 in
-L) echo '${FLOW}' ;;
-D) echo >>'${calls}'
  if [ "$(wc -l <'${calls}')" -le ${times} ]; then echo "${GONE}" >&2; exit 1; fi
  echo '${FLOW}'; echo '${FLOW.replace('sport=1 ', 'sport=2 ')}' ;;
esac
`;
      await writeFile(join(folder, 'conntrack'), script);
      await chmod(join(folder, 'conntrack'), 0o755);
      vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
      const current = [{ address: '10.96.0.10', port: 53, endpoints: new Set(['10.0.0.9:53']) }];
      expect(await deleteStaleFlows('ipv4', { current, former: [] })).toBe(2);
      return (await readFile(calls, 'utf8')).length;
    } finally {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    }
  }

  test.each([0, 1, 3])('%d of them: what is left of their kind is deleted all the same', async (times) => {
    expect(await deletions(times)).toBe(times + 1);
  });

  test('one that never comes to an end is told', async () => {
    await expect(deletions(1000)).rejects.toThrow(GONE);
  });
});

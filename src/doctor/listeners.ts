/** Sockets that wait for others, by what the kernel's files say of them. */
import type { Protocol } from '../iptables/types.ts';
import type { NodeSnapshot, ProcessFacts } from '../snapshot/snapshot.ts';

export interface Listener {
  readonly protocol: Protocol;
  /** Undefined where it waits at every address. */
  readonly isLoopback: boolean;
  readonly port: number;
  /** Whose it is, where that may be seen. */
  readonly process: ProcessFacts | undefined;
}

/** Each socket of `/proc/net`: one that waits at the addresses of both families is of IPv6. */
export function listenersIn({ files, processes }: NodeSnapshot): Listener[] {
  const owners = new Map(processes.flatMap((one) => one.sockets.map((inode) => [inode, one] as const)));
  return (['tcp', 'udp'] as const).flatMap((protocol) =>
    [files[`/proc/net/${protocol}`], files[`/proc/net/${protocol}6`]].flatMap((text) =>
      (text ?? '')
        .split('\n')
        .slice(1)
        .flatMap((line): Listener[] => {
          const [, local, , , , , , , , inode] = line.trim().split(/\s+/);
          const [address, port] = (local ?? '').split(':');
          if (address === undefined || port === undefined) return [];
          return [
            {
              protocol,
              isLoopback: isLoopbackHex(address),
              port: Number.parseInt(port, 16),
              process: owners.get(Number(inode)),
            },
          ];
        }),
    ),
  );
}

/** 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104 as the kernel prints them: words of four bytes, each back to front. */
function isLoopbackHex(address: string): boolean {
  if (address.length === 8) return address.endsWith('7F');
  return address === '00000000000000000000000001000000' || /^0{16}FFFF0000.{6}7F$/.test(address);
}

/** `kube-proxy (process 123)`, or that nobody can be named. */
export function ownerInWords({ process }: Listener): string {
  return process === undefined ? 'a process that cannot be seen from here' : processInWords(process);
}

/** `kube-proxy (process 123)` */
export function processInWords({ command, pid }: ProcessFacts): string {
  const [program = ''] = command;
  return `${program.slice(program.lastIndexOf('/') + 1)} (process ${pid})`;
}

/**
 * The few functions of the C library that Node.js has no other way to, by its foreign function interface. Most tell of changes
 * to the kernel's tables, which no program of iptables or nftables does at a price: at 5,000 Services x 10 endpoints
 * `nft monitor` reads for 5 s before it begins and keeps 146 MB (nftables 1.0.6), and `xtables-monitor` writes only when 4 KB
 * have come together (iptables 1.8.9).
 *
 * Numbers are those of the Linux headers named beside them; they are the same on every platform that Node.js has the
 * interface for. Every buffer that is given to a function is kept until it returns, and with its own length.
 */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { OperationalError } from '../../errors/operational-error.ts';
import type { Family } from '../../net/address.ts';

/** bits/socket.h, linux/netlink.h */
const [AF_INET, AF_NETLINK, AF_INET6] = [2, 16, 10];
const [SOCK_DGRAM, SOCK_RAW] = [2, 3];
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const [SOL_SOCKET, SO_ERROR, SO_RCVBUFFORCE] = [1, 4, 33];
const NETLINK_NETFILTER = 12;
const [SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP] = [270, 1, 2];
/** poll.h */
const [POLLIN, POLLERR] = [1, 8];
/** sys/inotify.h */
const IN_NONBLOCK = SOCK_NONBLOCK;
const IN_CLOEXEC = SOCK_CLOEXEC;
/** IN_CLOSE_WRITE | IN_CLOSE_NOWRITE */
const IN_CLOSE = 0x18;
const IN_IGNORED = 0x8000;
/** asm-generic/mman-common.h */
const MADV_DONTNEED = 4;
const INOTIFY_EVENT = 16;

async function bind() {
  const { dlopen } = await import('node:ffi');
  return dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    bind: { arguments: ['i32', 'pointer', 'u32'], return: 'i32' },
    setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32' },
    getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
    send: { arguments: ['i32', 'pointer', 'u64', 'i32'], return: 'i64' },
    recv: { arguments: ['i32', 'pointer', 'u64', 'i32'], return: 'i64' },
    read: { arguments: ['i32', 'pointer', 'u64'], return: 'i64' },
    poll: { arguments: ['pointer', 'u64', 'i32'], return: 'i32' },
    close: { arguments: ['i32'], return: 'i32' },
    inotify_init1: { arguments: ['i32'], return: 'i32' },
    inotify_add_watch: { arguments: ['i32', 'pointer', 'u32'], return: 'i32' },
    adjtimex: { arguments: ['pointer'], return: 'i32' },
    madvise: { arguments: ['pointer', 'u64', 'i32'], return: 'i32' },
  }).functions;
}

export type Libc = Awaited<ReturnType<typeof bind>>;

let bound: Promise<Libc | undefined> | undefined;

/** Undefined as of {@link bindWherePossible}. */
export function openLibc(): Promise<Libc | undefined> {
  bound ??= bindWherePossible(bind);
  return bound;
}

/**
 * Binds functions of the C library. Undefined where this Node.js has no such interface: before 26.1, on some platforms, or
 * where a flag forbids it; and where the C library has not all of them.
 */
export async function bindWherePossible<Bound>(bind: () => Promise<Bound>): Promise<Bound | undefined> {
  // Numbers in structures are read as most machines write them.
  if (process.platform !== 'linux' || endianness() !== 'LE') return undefined;
  try {
    return await bind();
  } catch {
    return undefined;
  }
}

/** sys/timex.h: the state of a clock that follows no other one; no structure of it is longer than this. */
const TIME_ERROR = 5;
const TIMEX = 256;

/** Whether the kernel's clock follows another one (adjtimex(2), asked and not set); undefined where it cannot be asked. */
export async function isClockSynchronized(): Promise<boolean | undefined> {
  const libc = await openLibc();
  const state = libc?.adjtimex(Buffer.alloc(TIMEX));
  return state === undefined || state < 0 ? undefined : state !== TIME_ERROR;
}

/**
 * Gives back the memory that Node.js' own file is mapped to, a third of what an agent takes: what is needed again comes back
 * from the kernel's cache of files, 64 KB at a time. Nothing happens where the system does not tell of mappings
 * (proc_pid_smaps(5)).
 */
export async function releaseFilePages(): Promise<void> {
  const libc = await openLibc();
  if (!libc) return;
  const smaps = await readFile('/proc/self/smaps', 'utf8').catch(() => '');
  for (const { start, length } of unwrittenMappings(smaps, process.execPath)) {
    libc.madvise(start, length, MADV_DONTNEED);
  }
}

/** Has the C library give back what was freed, 5 MB after a start: malloc_trim(3), which glibc has and musl has not. */
export async function releaseFreed(): Promise<void> {
  try {
    const { dlopen } = await import('node:ffi');
    dlopen(null, { malloc_trim: { arguments: ['u64'], return: 'i32' } }).functions.malloc_trim(0n);
  } catch {
    // Then it keeps it.
  }
}

/** `00400000-0082e000 r--p 00000000 fe:00 5358285  /usr/bin/node`, and of the lines behind it `Anonymous:  0 kB` */
const MAPPING =
  /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(.+)\n(?:[A-Z]\w+: .*\n)*?Anonymous: +(\d+) kB$/gm;

/**
 * The mappings of a file of whose pages none is this process' own: one that was written to is nowhere else. A program's own
 * file stays mapped for as long as it runs, so that nothing else is there by the time that they are used.
 */
export function unwrittenMappings(smaps: string, file: string): { start: bigint; length: bigint }[] {
  return [...smaps.matchAll(MAPPING)].flatMap(([, from, to, rights, path, own]) => {
    if (path !== file || rights?.includes('w') || own !== '0') return [];
    const start = BigInt(`0x${from}`);
    return [{ start, length: BigInt(`0x${to}`) - start }];
  });
}

/** The kernel does not let us watch it. */
export class WatchError extends OperationalError {}

function checked(result: number, attempt: string): number {
  if (result < 0) throw new WatchError(`${attempt} failed`);
  return result;
}

/** An int of C. */
function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** A datagram of netlink holds no more than this (NLMSG_GOODSIZE is 8 KB at most). */
const DATAGRAM = 65_536;

/** A socket to the kernel's netfilter: linux/netlink.h. Reading never waits. */
export class NetlinkSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(DATAGRAM);

  /** @throws WatchError */
  constructor(libc: Libc) {
    this.#libc = libc;
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#fd = checked(libc.socket(AF_NETLINK, type, NETLINK_NETFILTER), 'opening a netlink socket');
    // struct sockaddr_nl; the kernel chooses the port. Without one, it tells a listener nothing.
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    checked(libc.bind(this.#fd, address, address.length), 'binding a netlink socket');
  }

  /**
   * Has the kernel send what it tells a group of listeners, or stops it.
   * @param group its number
   * @throws WatchError
   */
  listen(group: number, wanted: boolean): void {
    const option = wanted ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
    const value = numberOf(group);
    const result = this.#libc.setsockopt(this.#fd, SOL_NETLINK, option, value, value.length);
    checked(result, 'listening to nftables');
  }

  /** Lets so many bytes wait; without the right to (CAP_NET_ADMIN) fewer do. */
  reserve(bytes: number): void {
    const value = numberOf(bytes);
    this.#libc.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, value, value.length);
  }

  /** @throws WatchError */
  send(message: Buffer): void {
    const sent = this.#libc.send(this.#fd, message, BigInt(message.length), 0);
    checked(Number(sent), 'asking netfilter');
  }

  /**
   * What has come so far.
   * @param each is given one datagram, which holds for the call
   * @returns whether that is all: false where more came than there was room for, or the system does not tell
   */
  receive(each: (datagram: Buffer) => void): boolean {
    let complete = true;
    for (;;) {
      const ready = this.#poll();
      // Whoever asked does so from a timer, and asks again: what is not read now is read then.
      if (ready === undefined) return false;
      if (ready & POLLERR) {
        // ENOBUFS, which is told once.
        this.#clearError();
        complete = false;
      } else if (ready & POLLIN) {
        const length = Number(this.#libc.recv(this.#fd, this.#buffer, BigInt(DATAGRAM), 0));
        if (length < 0) return false;
        each(this.#buffer.subarray(0, length));
      } else {
        return complete;
      }
    }
  }

  /**
   * The next datagram, which holds until the next call. The kernel answers a question while it is asked, and the rest of a
   * long answer while what came first is read: whoever knows the end of one need not ask whether there is more.
   * @returns undefined where nothing has come, or something was lost
   */
  next(): Buffer | undefined {
    const length = Number(this.#libc.recv(this.#fd, this.#buffer, BigInt(DATAGRAM), 0));
    return length < 0 ? undefined : this.#buffer.subarray(0, length);
  }

  close(): void {
    this.#libc.close(this.#fd);
  }

  #poll(): number | undefined {
    // struct pollfd
    const asked = Buffer.alloc(8);
    asked.writeInt32LE(this.#fd, 0);
    asked.writeInt16LE(POLLIN, 4);
    return this.#libc.poll(asked, 1n, 0) < 0 ? undefined : asked.readInt16LE(6);
  }

  #clearError(): void {
    const value = Buffer.alloc(4);
    this.#libc.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, value, numberOf(value.length));
  }
}

/** linux/netfilter_ipv4/ip_tables.h and ip6_tables.h: for both, IPT_BASE_CTL, in SOL_IP and SOL_IPV6. */
const SO_GET_INFO = 64;
const [SOL_IP, SOL_IPV6] = [0, 41];
/** struct ipt_getinfo: name, valid_hooks, hook_entry, underflow, num_entries, size */
const GETINFO = { length: 84, entries: 76, size: 80 } as const;

/** What iptables-legacy's kernel part tells of a table without printing it. */
export class TableInfo {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #level: number;

  constructor(libc: Libc, family: Family) {
    this.#libc = libc;
    this.#level = family === 'ipv4' ? SOL_IP : SOL_IPV6;
    const domain = family === 'ipv4' ? AF_INET : AF_INET6;
    this.#fd = checked(libc.socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0), `opening a socket of ${family}`);
  }

  /** How many entries a table has, and bytes; undefined where it may not be asked. Makes the table if it is not there. */
  of(table: string): string | undefined {
    const info = Buffer.alloc(GETINFO.length);
    info.write(table, 'latin1');
    const result = this.#libc.getsockopt(this.#fd, this.#level, SO_GET_INFO, info, numberOf(info.length));
    if (result < 0) return undefined;
    return `${info.readUInt32LE(GETINFO.entries)} ${info.readUInt32LE(GETINFO.size)}`;
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

/** Tells whether anybody has used a file: inotify(7). */
export class FileUse {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(4096);

  /** @throws WatchError where there is no such file */
  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    this.#fd = checked(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC), 'opening inotify');
    if (libc.inotify_add_watch(this.#fd, Buffer.from(`${path}\0`), IN_CLOSE) < 0) {
      this.close();
      throw new WatchError(`watching ${path} failed`);
    }
  }

  /** What became of it since this was asked last: `gone` is one that is not there any more, and not watched. */
  seen(): 'used' | 'gone' | undefined {
    let seen: 'used' | 'gone' | undefined;
    for (;;) {
      const length = Number(this.#libc.read(this.#fd, this.#buffer, BigInt(this.#buffer.length)));
      if (length <= 0) return seen;
      // struct inotify_event: wd, mask, cookie, len; of a file it has no name behind it.
      for (let start = 0; start + INOTIFY_EVENT <= length; start += INOTIFY_EVENT) {
        if (this.#buffer.readUInt32LE(start + 4) & IN_IGNORED) seen = 'gone';
        else seen ??= 'used';
      }
    }
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

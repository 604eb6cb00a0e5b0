/**
 * Starting programs by the C library's posix_spawn(3), over Node.js' foreign function interface.
 *
 * Node.js starts one with fork(2): the kernel copies the page tables of this whole process, and each page that either of
 * the two writes to afterwards. Of an agent of 5,000 Services x 10 endpoints, each program takes some 7 ms of its own
 * processor and 5 ms before the program begins; posix_spawn copies nothing, and takes less than one (Node.js 26, glibc 2.36).
 * A start runs some 15 programs, a changed endpoint one or two.
 *
 * Numbers are those of the Linux and C library headers named beside them; glibc's and musl's are the same.
 */
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import {
  type Child,
  type ChildEnd,
  type ChildOptions,
  childEnvironment,
  FOLDER,
  type StartChild,
} from './child.ts';
import { bindWherePossible } from './watch/libc.ts';

/** bits/socket.h */
const [AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC] = [1, 1, 0o2000000];
/** spawn.h */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
/** posix_spawnattr_t and posix_spawn_file_actions_t take 336 and 80 bytes, a sigset_t 128. */
const [STRUCTURE, SIGNAL_SET] = [512, 128];
/** sys/wait.h */
const WNOHANG = 1;

async function bind() {
  const { dlopen, getRawPointer } = await import('node:ffi');
  const { functions } = dlopen(null, {
    close: { arguments: ['i32'], return: 'i32' },
    socketpair: { arguments: ['i32', 'i32', 'i32', 'pointer'], return: 'i32' },
    waitpid: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
    posix_spawnp: {
      arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer', 'pointer'],
      return: 'i32',
    },
    posix_spawnattr_init: { arguments: ['pointer'], return: 'i32' },
    posix_spawnattr_setflags: { arguments: ['pointer', 'i16'], return: 'i32' },
    posix_spawnattr_setsigdefault: { arguments: ['pointer', 'pointer'], return: 'i32' },
    posix_spawn_file_actions_init: { arguments: ['pointer'], return: 'i32' },
    posix_spawn_file_actions_addopen: {
      arguments: ['pointer', 'i32', 'pointer', 'i32', 'u32'],
      return: 'i32',
    },
    posix_spawn_file_actions_adddup2: { arguments: ['pointer', 'i32', 'i32'], return: 'i32' },
    posix_spawn_file_actions_addchdir_np: { arguments: ['pointer', 'pointer'], return: 'i32' },
    posix_spawn_file_actions_destroy: { arguments: ['pointer'], return: 'i32' },
  });
  return { functions, getRawPointer };
}

type Libc = Awaited<ReturnType<typeof bind>>;

/** Undefined as of {@link bindWherePossible}; glibc has all of these functions from 2.29. */
export async function openPosixSpawn(): Promise<StartChild | undefined> {
  const libc = await bindWherePossible(bind);
  return libc && (async (command, options) => start(libc, command, options));
}

function start(libc: Libc, command: readonly string[], { input, ownGroup }: ChildOptions): Child {
  const { functions: c } = libc;
  // To C it would end there.
  if (command.some((word) => word.includes('\0')))
    throw new NotStartedError(command, 'ERR_INVALID_ARG_VALUE');
  const environment = Object.entries(childEnvironment()).map(([name, value]) => `${name}=${value ?? ''}`);
  const argv = stringList(libc, command);
  const envp = stringList(libc, environment);
  const attributes = Buffer.alloc(STRUCTURE);
  c.posix_spawnattr_init(attributes);
  // Node.js ignores SIGPIPE, and no program is to. New attributes have an empty mask: no signal is blocked.
  c.posix_spawnattr_setflags(attributes, SETSIGDEF | SETSIGMASK | (ownGroup ? SETSID : 0));
  c.posix_spawnattr_setsigdefault(attributes, Buffer.alloc(SIGNAL_SET, 0xff));
  const actions = Buffer.alloc(STRUCTURE);
  c.posix_spawn_file_actions_init(actions);
  c.posix_spawn_file_actions_addchdir_np(actions, cString(FOLDER));
  c.posix_spawn_file_actions_addopen(actions, 0, cString('/dev/null'), 0, 0);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    // Node.js talks to programs over sockets, too.
    for (const fd of input ? [1, 2, 0] : [1, 2]) {
      const pair = Buffer.alloc(8);
      // There is no room for another file, or for another socket.
      if (c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) !== 0)
        throw new NotStartedError(command, 'EMFILE');
      ours.push(pair.readInt32LE(0));
      theirs.push(pair.readInt32LE(4));
      c.posix_spawn_file_actions_adddup2(actions, pair.readInt32LE(4), fd);
    }
    const pid = Buffer.alloc(4);
    const problem = c.posix_spawnp(pid, cString(command[0] ?? ''), actions, attributes, argv, envp);
    if (problem !== 0) throw new NotStartedError(command, getSystemErrorName(-problem));
    const [stdout = -1, stderr = -1, stdin] = ours.splice(0);
    return {
      pid: pid.readInt32LE(),
      stdin: stdin === undefined ? undefined : new Socket({ fd: stdin, readable: false, writable: true }),
      stdout: new Socket({ fd: stdout, readable: true, writable: false }),
      stderr: new Socket({ fd: stderr, readable: true, writable: false }),
      ended: () => endOf(libc, pid.readInt32LE()),
    };
  } finally {
    c.posix_spawn_file_actions_destroy(actions);
    for (const fd of [...ours, ...theirs]) c.close(fd);
  }
}

/** Milliseconds between two looks at a program that has closed its output and goes on. */
const LONGEST_PAUSE = 50;

/**
 * Waits for a program's end: one that has closed its output is about to end. The system keeps its number until it has been
 * asked how it ended, so that nobody else gets a signal that is for it. (Node.js ignores no end of a child, whatever it was
 * started with.)
 */
async function endOf({ functions: c }: Libc, pid: number): Promise<ChildEnd> {
  const given = Buffer.alloc(4);
  let pause = 1;
  for (;;) {
    const ended = c.waitpid(pid, given, WNOHANG);
    if (ended < 0) return { exitCode: undefined, signal: undefined };
    if (ended > 0) return endOfStatus(given.readInt32LE());
    await setTimeout(pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

/** wait(2): in the lower seven bits the signal, and if there is none, above eight the exit code. */
function endOfStatus(status: number): ChildEnd {
  const killedBy = status & 0x7f;
  if (killedBy === 0) return { exitCode: (status >> 8) & 0xff, signal: undefined };
  const [name] = Object.entries(constants.signals).find(([, number]) => number === killedBy) ?? [];
  return { exitCode: undefined, signal: name ?? `signal ${killedBy}` };
}

/** A program that cannot be run. */
class NotStartedError extends Error {
  /** The system's name for why. */
  readonly code: string;

  constructor(command: readonly string[], code: string) {
    super(`${command.join(' ')}: ${code}`);
    this.code = code;
  }
}

/** A string as C has it. */
const cString = (text: string): Buffer => Buffer.from(`${text}\0`);

/** Strings as C has a list of them: where each is, null, and then the strings themselves. */
function stringList({ getRawPointer }: Libc, texts: readonly string[]): Buffer {
  const strings = texts.map(cString);
  const head = 8 * (strings.length + 1);
  const list = Buffer.concat([Buffer.alloc(head), ...strings]);
  let next = getRawPointer(list) + BigInt(head);
  strings.forEach((string, at) => {
    list.writeBigUInt64LE(next, 8 * at);
    next += BigInt(string.length);
  });
  return list;
}

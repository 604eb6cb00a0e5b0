/** `kubectl exec` and `attach`: streams of a command in a WebSocket, each message with its channel in the first byte. */
import { PassThrough, type Readable } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** The subprotocol, with the close message of its fifth version. */
const PROTOCOL = 'v5.channel.k8s.io';
const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 };

/** What a command is given, and where its words go. */
export interface Streams {
  readonly stdin: Readable;
  write(to: 'stdout' | 'stderr', data: Buffer): void;
}

/** A server of upgrades only. */
export function streamServer(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
}

/**
 * Serves one command.
 * @param run the command, which gives its exit code
 */
export function serveStreams(socket: WebSocket, run: (streams: Streams) => Promise<number>): void {
  const stdin = new PassThrough();
  const send = (channel: number, data: Buffer) => socket.send(Buffer.concat([Buffer.of(channel), data]));
  socket.on('message', (data) => {
    const message = Buffer.concat([data].flat().map((part) => Buffer.from(new Uint8Array(part))));
    if (message[0] === CHANNELS.stdin) stdin.write(message.subarray(1));
    if (message[0] === CHANNELS.close && message[1] === CHANNELS.stdin) stdin.end();
  });
  socket.on('close', () => stdin.end());
  const write: Streams['write'] = (to, data) => send(CHANNELS[to], data);
  run({ stdin, write })
    .then(endedWith, (error: unknown) => ({
      status: 'Failure',
      reason: 'InternalError',
      message: String(error),
    }))
    .then((status) => {
      send(
        CHANNELS.error,
        Buffer.from(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, ...status })),
      );
      socket.close(1000);
    });
}

const endedWith = (exitCode: number) =>
  exitCode === 0
    ? { status: 'Success' }
    : {
        status: 'Failure',
        reason: 'NonZeroExitCode',
        message: `command terminated with non-zero exit code: ${exitCode}`,
        details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
      };

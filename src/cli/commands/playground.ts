/** `svc2ipt playground`: a page that explains Services, printed or served. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { OperationalError } from '../../errors/operational-error.ts';
import { readPlaygroundPage } from '../playground-page.ts';
import type { CommandOutcome } from '../run.ts';
import type { PlaygroundCommandOptions } from './playground.command.ts';

export async function playgroundAction({ serve }: PlaygroundCommandOptions): Promise<CommandOutcome> {
  const page = await readPlaygroundPage();
  if (serve === undefined) return { output: page };
  await servePage(page, serve === true ? 0 : serve);
  return { output: '' };
}

/** Nobody else's machine gets at it. */
const ADDRESS = '127.0.0.1';

/**
 * Serves a page until somebody ends the process, and prints where.
 * @param port 0 for any that is free
 * @throws OperationalError where the port is taken
 */
async function servePage(page: string, port: number): Promise<void> {
  const server = createServer(({ method, url }, response) => {
    if (url !== '/' && url !== '/index.html') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      const headers = { 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' };
      response.writeHead(200, { ...headers, 'cache-control': 'no-cache' }).end(page);
    }
  });
  server.listen(port, ADDRESS);
  try {
    await once(server, 'listening');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new OperationalError(`cannot serve the page on port ${port}: ${message}; name another port`);
  }
  const bound = server.address();
  const at = typeof bound === 'object' && bound !== null ? bound.port : port;
  process.stdout.write(`http://${ADDRESS}:${at}/ (Ctrl-C ends it)\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  server.close();
  server.closeAllConnections();
}

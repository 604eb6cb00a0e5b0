/** A registry of images, as far as `docker push` and `docker pull` ask it (OCI Distribution Specification 1.1). */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export class Registry implements AsyncDisposable {
  /** Blobs and manifests by their digest, manifests also by repository and tag. */
  readonly #contents = new Map<string, Content>();
  readonly #uploads = new Map<string, Buffer[]>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  /** Gives its host and port, as images are named by it. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://registry');
    const body = await buffer(request);
    const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/.exec(pathname) ?? [];
    const to = (status: number, headers: Readonly<Record<string, string>> = {}) =>
      response.writeHead(status, headers).end();

    if (pathname === '/v2/') to(200);
    else if (kind === undefined) to(404);
    else if (method === 'POST') {
      const upload = crypto.randomUUID();
      this.#uploads.set(upload, []);
      to(202, { Location: `/v2/${name}/blobs/uploads/${upload}` });
    } else if (kind === 'manifests' && method === 'PUT') {
      const type = request.headers['content-type'] ?? '';
      const digest = this.#keep(body, type);
      this.#contents.set(`${name} ${reference}`, { body, type });
      to(201, { 'Docker-Content-Digest': digest });
    } else if (method === 'PATCH' || method === 'PUT') {
      const parts = this.#uploads.get(reference.replace('uploads/', '')) ?? [];
      parts.push(body);
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (method === 'PATCH') to(202, { Location: pathname, Range: `0-${length - 1}` });
      else {
        const digest = this.#keep(Buffer.concat(parts), 'application/octet-stream');
        to(digest === searchParams.get('digest') ? 201 : 400, { 'Docker-Content-Digest': digest });
      }
    } else
      this.#give(
        this.#contents.get(`${name} ${reference}`) ?? this.#contents.get(reference),
        method,
        response,
      );
  }

  #keep(body: Buffer, type: string): string {
    const digest = digestOf(body);
    this.#contents.set(digest, { body, type });
    return digest;
  }

  #give(content: Content | undefined, method: string, response: ServerResponse): void {
    if (!content) {
      response.writeHead(404).end();
      return;
    }
    const { body, type } = content;
    response.writeHead(200, {
      'Content-Type': type,
      'Content-Length': String(body.length),
      'Docker-Content-Digest': digestOf(body),
    });
    response.end(method === 'HEAD' ? undefined : body);
  }
}

interface Content {
  readonly body: Buffer;
  readonly type: string;
}

const digestOf = (body: Buffer): string => `sha256:${createHash('sha256').update(body).digest('hex')}`;

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSION = { Version: '99.0', ApiVersion: '1.52', MinAPIVersion: '1.44', Os: 'linux', Arch: 'amd64' };

/** A Docker daemon that misbehaves as told: a real one never does so on demand. It says its version by itself. */
export class FakeDaemon {
  /** `GET /v1.44/containers/json?all=true`, in the order they came. */
  readonly requests: string[] = [];
  handle: RequestListener = () => {};
  readonly #server: Server;

  private constructor(readonly folder: string) {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      if (request.url === '/version' && !this.isMute) json(response, VERSION);
      else this.handle(request, response);
    });
  }

  /** Leaves `/version` to `handle` too. */
  isMute = false;

  static async start(): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), 'tf-fake-')));
    await daemon.listen();
    return daemon;
  }

  get host(): string {
    return `unix://${this.#socket}`;
  }

  get #socket(): string {
    return join(this.folder, 'd.sock');
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.#socket, resolve));
  }

  /** `listen` takes it up again. */
  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async end(): Promise<void> {
    await this.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

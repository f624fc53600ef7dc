import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A unix socket's path, or a loopback port; listening at port 0 = any free one. */
export type Address = { readonly path: string } | { readonly port: number };

type Direction = 'request' | 'reply';

/** What lies between a process and what it depends on, and can be made to fail. Healthy until told. */
export class Link {
  readonly #sockets = new Set<Socket>();
  #isRefusing = false;
  #delayMs = 0;
  #replyBytes = Infinity;
  #held = new Set<Direction>();
  #release = Promise.withResolvers<void>();
  #watch: { readonly text: string; readonly seen: () => void } | null = null;

  private constructor(
    private readonly server: Server,
    private readonly target: Address,
    private readonly at: Address,
  ) {
    server.on('connection', (client) => this.#accept(client));
  }

  static async open(at: Address, target: Address): Promise<Link> {
    const server = createServer({ pauseOnConnect: true });
    const link = new Link(server, target, at);
    server.listen('path' in at ? at.path : { port: at.port, host: '127.0.0.1' });
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Nothing passes, in neither direction, and nobody is told: a partition. */
  hang(): void {
    this.#hold('request', 'reply');
  }

  /** Requests arrive, their answers do not. */
  holdReplies(): void {
    this.#hold('reply');
  }

  /** Connections break, and new ones too. */
  refuse(): void {
    this.#isRefusing = true;
    this.sever();
  }

  /** Every packet is late by so much. */
  slow(ms: number): void {
    this.#delayMs = ms;
  }

  /** Each connection breaks after so many more bytes of answers. */
  cutReplies(afterBytes: number): void {
    this.#replyBytes = afterBytes;
  }

  sever(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when a request with these bytes comes; what it is answered is held from then on. */
  holdRepliesFrom(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#watch = { text, seen: resolve };
    });
  }

  /** What was held goes on its way. */
  heal(): void {
    this.#isRefusing = false;
    this.#delayMs = 0;
    this.#replyBytes = Infinity;
    this.#watch = null;
    this.#held.clear();
    this.#release.resolve();
    this.#release = Promise.withResolvers<void>();
  }

  async close(): Promise<void> {
    this.heal();
    this.sever();
    this.server.close();
    await once(this.server, 'close');
    if ('path' in this.at) await unlink(this.at.path).catch(() => undefined);
  }

  #hold(...directions: Direction[]): void {
    directions.forEach((direction) => this.#held.add(direction));
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) return void client.destroy();
    const server = connect(
      'path' in this.target ? { path: this.target.path } : { port: this.target.port, host: '127.0.0.1' },
    );
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!socket.readableEnded) other.destroy();
      });
    }
    this.#pump(client, server, 'request');
    this.#pump(server, client, 'reply');
    client.resume();
  }

  #pump(from: Socket, to: Socket, direction: Direction): void {
    let left: number | null = null;
    let passing: Promise<void> = Promise.resolve();
    let isBusy = 0;
    const put = (chunk: Buffer) => {
      if (to.destroyed) return;
      if (direction === 'reply' && this.#replyBytes !== Infinity) {
        left ??= this.#replyBytes;
        to.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) from.destroy();
      } else if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    };
    from.on('data', (chunk: Buffer) => {
      if (direction === 'request') this.#look(chunk);
      if (isBusy === 0 && this.#delayMs === 0 && !this.#held.has(direction)) return put(chunk);
      isBusy += 1;
      const due = performance.now() + this.#delayMs;
      passing = passing
        .then(() => this.#passage(direction, due))
        .then(() => {
          isBusy -= 1;
          put(chunk);
        });
    });
    from.on('end', () => void passing.then(() => to.end()));
  }

  #look(chunk: Buffer): void {
    if (this.#watch === null || !chunk.includes(this.#watch.text)) return;
    this.holdReplies();
    this.#watch.seen();
    this.#watch = null;
  }

  async #passage(direction: Direction, due: number): Promise<void> {
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    while (this.#held.has(direction)) await this.#release.promise;
  }
}

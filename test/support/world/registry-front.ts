import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startRegistry } from '../registry.js';

/** A real registry whose answers a fault may change. */
export interface RegistryFront {
  readonly host: string;
  /** Returns true when it has answered itself. Null = the registry answers. */
  interfere: ((incoming: IncomingMessage, answer: ServerResponse) => boolean) | null;
  /** Bodies of blobs end after so many bytes, although more were announced. */
  truncateBlobsAt: number | null;
  stop(): Promise<void>;
}

export async function startRegistryFront(): Promise<RegistryFront> {
  const registry = await startRegistry();
  const [hostname, port] = registry.host.split(':') as [string, string];
  const server = createServer((incoming, answer) => {
    if (front.interfere?.(incoming, answer)) return;
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (inner) => {
      answer.writeHead(inner.statusCode ?? 502, inner.headers);
      const cut = method === 'GET' && path!.includes('/blobs/') ? front.truncateBlobsAt : null;
      if (cut === null) inner.pipe(answer);
      else inner.once('data', (chunk: Buffer) => answer.write(chunk.subarray(0, cut), () => answer.destroy()));
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const front: RegistryFront = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    interfere: null,
    truncateBlobsAt: null,
    async stop() {
      server.closeAllConnections();
      server.close();
      await registry.stop();
    },
  };
  return front;
}

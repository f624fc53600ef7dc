import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export interface Upstream {
  readonly port: number;
  /** Headers of the last request. */
  headers(): IncomingHttpHeaders;
  close(): Promise<void>;
}

/** An application behind the proxy: answers its name and the path it saw, and echoes over WebSockets. */
export async function startUpstream(name: string): Promise<Upstream> {
  let last: IncomingHttpHeaders = {};
  const server: Server = createServer((incoming, answer) => {
    last = incoming.headers;
    answer.end(`${name} ${incoming.url}`);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => socket.send(`${name} ${data.toString()}`));
    // Caddy 2.6 says goodbye in an unmasked frame when it reloads, which the protocol forbids.
    socket.on('error', () => socket.terminate());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    headers: () => last,
    async close() {
      sockets.clients.forEach((client) => client.terminate());
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

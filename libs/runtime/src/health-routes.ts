import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Endpoint } from './endpoints.js';
import type { Health } from './health.js';

export interface HealthParts {
  readonly health: Health;
  readonly metrics: Registry;
}

/** Where routes can be put; Nest's adapter hands out its Fastify under a type of its own. */
type Routable = Pick<FastifyInstance, 'get'>;

/** `/healthz` (the process lives), `/readyz` (it can work), `/metrics`, all without authentication. */
export function registerHealthRoutes(server: Routable, { health, metrics }: HealthParts): void {
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request: unknown, reply: FastifyReply) => {
    const readiness = await health.readiness();
    return reply.status(readiness.status === 'ready' ? 200 : 503).send(readiness);
  });
  server.get('/metrics', async (_request: unknown, reply: FastifyReply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}

/** For processes that answer nothing else. Port 0 = any. */
export async function startHealthServer(
  options: HealthParts & { readonly port: number; readonly bind: string },
): Promise<Endpoint & { stop(): Promise<void> }> {
  const server = fastify({ forceCloseConnections: true });
  registerHealthRoutes(server, options);
  await server.listen({ port: options.port, host: options.bind });
  const { port } = server.server.address() as AddressInfo;
  return { host: options.bind, port, stop: () => server.close() };
}

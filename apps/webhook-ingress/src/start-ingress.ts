import type { AddressInfo } from 'node:net';
import { TerminalError } from '#domain/errors';
import type { Parts } from '#process/open-process';
import type { Endpoint } from '#runtime/endpoints';
import type { Stoppable } from '#runtime/start';
import { createIngress } from './create-ingress.js';

/** Listens for webhooks; what is at hand when it stops is answered. */
export async function startIngress(parts: Parts): Promise<{ endpoint: Endpoint; stoppable: Stoppable }> {
  const { config } = parts;
  const server = createIngress(parts);
  try {
    await server.listen({ port: config.ingressPort, host: config.bind });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const message = `Port ${config.ingressPort} on ${config.bind} is in use. End the process that has it, or set TINYFORGE_INGRESS_PORT.`;
    throw new TerminalError('port-taken', message, 'operator');
  }
  const { port } = server.server.address() as AddressInfo;
  return { endpoint: { host: config.bind, port }, stoppable: { name: 'webhook-ingress', stop: () => server.close() } };
}

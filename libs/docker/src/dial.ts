import type { IncomingMessage } from 'node:http';
import type Dockerode from 'dockerode';

export interface Get {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly signal: AbortSignal;
}

/** A GET where dockerode's own method takes no signal. */
export function dial(client: Dockerode, get: Get): Promise<unknown> {
  return send(client, get, false);
}

/** The same, unread: dockerode buffers an answer that ends by itself whole. */
export async function dialStream(client: Dockerode, get: Get): Promise<IncomingMessage> {
  return (await send(client, get, true)) as IncomingMessage;
}

function send(client: Dockerode, { path, query, signal }: Get, isStream: boolean): Promise<unknown> {
  const call = {
    path: `${path}?`,
    method: 'GET',
    options: { ...query },
    abortSignal: signal,
    statusCodes: { 200: true },
    isStream,
  };
  return new Promise((resolve, reject) => {
    client.modem.dial(call, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

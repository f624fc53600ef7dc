import { Agent, request } from 'node:http';

export interface FaceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface FaceRequest {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** One GET through the proxy; rejects when there is no whole answer. */
export function getFace({ port, host, path = '/', headers = {}, agent }: FaceRequest): Promise<FaceAnswer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { ...headers, host }, agent: agent ?? new Agent() };
    const outgoing = request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

export interface Load {
  /** Ends it; how many requests there were, and each failure in words. */
  end(): Promise<{
    readonly requests: number;
    readonly failures: readonly string[];
    readonly bodies: ReadonlySet<string>;
  }>;
}

export interface LoadOptions {
  /** Once more on a fresh connection, as browsers do: a change of the proxy's configuration closes those that stand open. */
  readonly asksAgain?: boolean;
}

/** Busy keep-alive connections, each asking again as soon as it was answered. */
export function startLoad(
  target: { port: number; host: string; path?: string },
  connections: number,
  { asksAgain = false }: LoadOptions = {},
): Load {
  let isOn = true;
  let requests = 0;
  const failures: string[] = [];
  const bodies = new Set<string>();
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (isOn) {
      requests += 1;
      try {
        const answer = await getFace({ ...target, agent }).catch((error: unknown) => {
          if (!asksAgain) throw error;
          return getFace(target);
        });
        if (answer.status !== 200) failures.push(`${answer.status} ${answer.body}`);
        bodies.add(answer.body);
      } catch (error) {
        failures.push(String(error));
      }
    }
    agent.destroy();
  };
  const clients = Array.from({ length: connections }, client);
  return {
    async end() {
      isOn = false;
      await Promise.all(clients);
      return { requests, failures, bodies };
    },
  };
}

import { request, type OutgoingHttpHeaders } from 'node:http';

export interface EngineCall {
  readonly method?: string;
  readonly path: string;
  readonly body?: Buffer | string;
  readonly headers?: OutgoingHttpHeaders;
}

export interface EngineAnswer {
  readonly status: number;
  readonly text: string;
}

/** A bare Docker API call, for what the port does not offer: builds, pushes, clean-up, and looking at it from outside. */
export function engineCall(host: string, { method = 'GET', path, body, headers }: EngineCall): Promise<EngineAnswer> {
  const where = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : { host: new URL(host).hostname, port: new URL(host).port };
  return new Promise((resolve, reject) => {
    const call = request({ ...where, method, path, agent: false, ...(headers && { headers }) }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** The same, and throws on a refusal. */
export async function engineJson(host: string, call: EngineCall): Promise<unknown> {
  const { status, text } = await engineCall(host, call);
  if (status >= 400) throw new Error(`${call.method ?? 'GET'} ${call.path}: ${status} ${text}`);
  return text ? JSON.parse(text) : null;
}

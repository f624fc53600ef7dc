import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { RetryableError, TerminalError } from '#domain/errors';

export interface AdminCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** 10,000 unless told: loading ten thousand routes takes half a second. */
  readonly timeoutMs?: number;
}

const MOST_SAID = 300;

/**
 * One JSON request to Caddy's admin endpoint, `unix:///path` or `http://host:port`. Null = an empty answer.
 * Throws RetryableError `proxy-unreachable` when nothing answers, TerminalError `proxy-refused` when Caddy says no.
 */
export async function adminRequest(endpoint: string, call: AdminCall): Promise<unknown> {
  const payload = call.body === undefined ? '' : JSON.stringify(call.body);
  const { status, text } = await exchange(open(endpoint, call, payload), payload);
  if (status < 300) return text === '' ? null : (JSON.parse(text) as unknown);
  const said = text.slice(0, MOST_SAID).trim();
  if (status >= 500)
    throw new RetryableError('proxy-unreachable', `Caddy answered ${status} to ${call.method} ${call.path}: ${said}`);
  throw new TerminalError(
    'proxy-refused',
    `Caddy refused ${call.method} ${call.path} with ${status}: ${said}`,
    'operator',
  );
}

/** On a unix socket Caddy takes an empty Host alone, which Node sends only when it does not set one itself. */
function open(endpoint: string, { method, path, timeoutMs = 10_000 }: AdminCall, payload: string): ClientRequest {
  const headers = ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(payload))];
  const signal = AbortSignal.timeout(timeoutMs);
  if (endpoint.startsWith('unix://')) {
    const socketPath = endpoint.slice('unix://'.length);
    return request({ socketPath, method, path, headers: ['Host', '', ...headers], setHost: false, signal });
  }
  const url = new URL(path, endpoint);
  return request(url, { method, headers: ['Host', url.host, ...headers], signal });
}

function exchange(call: ClientRequest, payload: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      reject(
        new RetryableError(
          'proxy-unreachable',
          `Caddy's admin endpoint does not answer (${error.code ?? error.message}).`,
        ),
      );
    };
    call.on('error', fail);
    call.on('response', (answer: IncomingMessage) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', fail);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
    });
    call.end(payload);
  });
}

import { Agent, request as send, type Dispatcher } from 'undici';
import { RetryableError, TerminalError } from '#domain/errors';
import { guardedLookup, isGlobalAddress, isListedAddress, refuseBlockedLiteral } from './address-guard.js';

/** The same shape as the plugins' `Http`; runtime imports no plugin. */
export interface HttpOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole request; 5,000 unless told. */
  readonly timeoutMs?: number;
  /** Bytes of the answer that are read at most; 4 MiB unless told. */
  readonly maxBytes?: number;
  /** This host (`host[:port]`) is named in a record: private addresses and, with `insecure`, plain http are fine. */
  readonly allow?: { readonly host: string; readonly insecure: boolean };
  readonly signal?: AbortSignal;
  /** `manual` (unless told) returns the 3xx; `same-host` follows up to three, never to another host or port. */
  readonly redirect?: 'manual' | 'same-host';
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Http {
  request(url: string, options?: HttpOptions): Promise<HttpAnswer>;
}

export interface HttpClientOptions {
  /** Hosts, CIDRs and addresses of the settings that may be reached although they are not public. Asked at every request. */
  readonly allowed?: () => readonly string[];
}

const TIMEOUT_MS = 5_000;
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_REDIRECTS = 3;

/**
 * The one way out of the platform. Https to public addresses, unless a record or a setting names the host.
 * Throws TerminalError `blocked-address`, `invalid-url`, `too-large`; RetryableError `http-timeout`, `http-failed`.
 */
export function createHttp({ allowed = () => [] }: HttpClientOptions = {}): Http & { stop(): Promise<void> } {
  const mayReach = (address: string) => isGlobalAddress(address) || isListedAddress(address, allowed());
  // Two pools: a connection that was opened for a named host must not serve a request that did not name it.
  const guarded = new Agent({ connect: { lookup: guardedLookup(mayReach) } });
  const named = new Agent();
  return {
    request: async (url, options = {}) => {
      const target = parseTarget(url, options.allow);
      const isNamed = target.isNamed || allowed().includes(target.url.hostname);
      if (!isNamed) refuseBlockedLiteral(target.url.hostname, mayReach);
      return follow(target.url, { ...options, dispatcher: isNamed ? named : guarded });
    },
    stop: async () => {
      await Promise.all([guarded.destroy(), named.destroy()]);
    },
  };
}

interface Sending extends HttpOptions {
  readonly dispatcher: Dispatcher;
}

/** The WHATWG parser turns 127.1, 0x7f.1 and 2130706433 into 127.0.0.1 before anything is checked. */
function parseTarget(text: string, allow: HttpOptions['allow']): { url: URL; isNamed: boolean } {
  const url: URL | null = URL.parse(text);
  if (url === null) throw new TerminalError('invalid-url', 'The address is no URL. Correct it.');
  if (url.username !== '' || url.password !== '') {
    throw new TerminalError(
      'invalid-url',
      `The address of ${url.host} holds a user or password. Put them into the record's own fields.`,
    );
  }
  const isNamed = allow !== undefined && URL.parse(`${url.protocol}//${allow.host}`)?.host === url.host;
  const isPlain = url.protocol === 'http:' && isNamed && allow.insecure;
  if (url.protocol === 'https:' || isPlain) return { url, isNamed };
  throw new TerminalError(
    'invalid-url',
    `${url.host} is not asked over ${url.protocol.replace(':', '')}. Use https, or mark the record of this host as insecure.`,
  );
}

async function follow(url: URL, options: Sending): Promise<HttpAnswer> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  let target = url;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await exchange(target, options, deadline);
    const next =
      options.redirect === 'same-host' && redirects < MOST_REDIRECTS ? nextTarget(target, answer, options) : null;
    if (next === null) return answer;
    target = next;
  }
}

/** Null = hand the answer back. Same scheme, host and port: what was checked for the first address holds for this one. */
function nextTarget(from: URL, answer: HttpAnswer, { method = 'GET' }: HttpOptions): URL | null {
  const location = answer.headers['location'];
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined || method === 'POST') return null;
  const next = URL.parse(location, from.href);
  return next !== null && next.origin === from.origin && next.username === '' && next.password === '' ? next : null;
}

async function exchange(url: URL, options: Sending, deadline: AbortSignal): Promise<HttpAnswer> {
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const answer = await send(url.href, {
      method: options.method ?? 'GET',
      headers: { 'user-agent': 'tiny-forge', ...options.headers },
      body: options.body ?? null,
      dispatcher: options.dispatcher,
      signal,
    });
    const body = await readBody(answer.body, url, options.maxBytes ?? MOST_BYTES);
    return { status: answer.statusCode, headers: flatten(answer.headers), body };
  } catch (error) {
    throw asFailure(error, url, { caller: options.signal, deadline, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
  }
}

async function readBody(stream: AsyncIterable<Buffer>, url: URL, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop destroys the stream and its connection.
    if (bytes > maxBytes)
      throw new TerminalError('too-large', `${url.host} answered with more than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  );
}

interface Ending {
  readonly caller: AbortSignal | undefined;
  readonly deadline: AbortSignal;
  readonly timeoutMs: number;
}

/** Names the host and never the path, which may hold a secret. */
function asFailure(error: unknown, url: URL, { caller, deadline, timeoutMs }: Ending): Error {
  if (error instanceof TerminalError) return error;
  if (caller?.aborted)
    return caller.reason instanceof Error
      ? caller.reason
      : new RetryableError('http-aborted', `The request to ${url.host} was given up.`);
  if (deadline.aborted)
    return new RetryableError('http-timeout', `${url.host} did not answer within ${timeoutMs / 1000} s.`);
  const code = (error as { code?: unknown }).code;
  return new RetryableError(
    'http-failed',
    `${url.host} could not be reached${typeof code === 'string' ? ` (${code})` : ''}.`,
  );
}

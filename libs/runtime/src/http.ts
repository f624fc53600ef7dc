import { Agent, request as send, type Dispatcher } from 'undici';
import { RetryableError, TerminalError } from '#domain/errors';
import { guardedLookup, isGlobalAddress, isListedAddress, refuseBlockedLiteral } from './address-guard.js';
import { flatten, nextTarget, onlyAccept, parseTarget, type Target } from './http-target.js';

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
  /** As {@link isListedHost} and CIDRs: reached although they are not public, redirects too. */
  readonly reachable?: readonly string[];
  readonly signal?: AbortSignal;
  /**
   * `manual` (unless told) returns the 3xx; `same-host` follows to the same origin only; `checked` follows anywhere the
   * guard lets through, and sends nothing but `accept` to another origin.
   */
  readonly redirect?: 'manual' | 'same-host' | 'checked';
  /** Milliseconds without a byte after which a stream is given up. */
  readonly idleMs?: number;
}

export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Http {
  request(url: string, options?: HttpOptions): Promise<HttpAnswer>;
  /** The body as it comes: `timeoutMs` is for all of it, `maxBytes` is not looked at. */
  stream(url: string, options?: HttpOptions): Promise<HttpStream>;
}

export interface HttpClientOptions {
  /** Hosts, CIDRs and addresses of the settings that may be reached although they are not public. Asked at every request. */
  readonly allowed?: () => readonly string[];
}

const TIMEOUT_MS = 5_000;
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_REDIRECTS = 3;
const MOST_WAYS = 8;

/**
 * The one way out of the platform. Https to public addresses, unless a record or a setting names the host.
 * Throws TerminalError `blocked-address`, `invalid-url`, `too-large`; RetryableError `http-timeout`, `http-failed`.
 */
export function createHttp({ allowed = () => [] }: HttpClientOptions = {}): Http & { stop(): Promise<void> } {
  const ways = createWays(allowed);
  return {
    request: async (url, options = {}) => {
      const ending = endingOf(options);
      const { answer, at } = await open(url, { options, ways, ending });
      try {
        const body = await readBody(answer.body, at, options.maxBytes ?? MOST_BYTES);
        return { status: answer.statusCode, headers: flatten(answer.headers), body };
      } catch (error) {
        throw asFailure(error, at, ending);
      }
    },
    stream: async (url, options = {}) => {
      const ending = endingOf(options);
      const { answer, at } = await open(url, { options, ways, ending });
      return { status: answer.statusCode, headers: flatten(answer.headers), body: chunks(answer.body, at, ending) };
    },
    stop: () => ways.stop(),
  };
}

interface Ways {
  /** Throws `blocked-address` for a literal address that may not be reached; names are looked at when they connect. */
  to(target: Target, reachable: readonly string[]): Dispatcher;
  stop(): Promise<void>;
}

/** A pool for each set of rules: a connection that was opened under one must not serve a request under another. */
function createWays(allowed: () => readonly string[]): Ways {
  const named = new Agent();
  const guarded = new Map<string, Agent>();
  const agentFor = (reachable: readonly string[]): Agent => {
    const key = JSON.stringify(reachable);
    const mayReach = mayReachBy(() => [...allowed(), ...reachable]);
    const agent = guarded.get(key) ?? new Agent({ connect: { lookup: guardedLookup(mayReach) } });
    guarded.delete(key);
    guarded.set(key, agent);
    const oldest = guarded.size > MOST_WAYS ? [...guarded.keys()][0] : undefined;
    if (oldest !== undefined) {
      void guarded.get(oldest)!.close();
      guarded.delete(oldest);
    }
    return agent;
  };
  return {
    to({ url, isNamed }, reachable) {
      if (isNamed || allowed().includes(url.hostname)) return named;
      refuseBlockedLiteral(
        url.hostname,
        mayReachBy(() => [...allowed(), ...reachable]),
      );
      return agentFor(reachable);
    },
    async stop() {
      await Promise.all([named, ...guarded.values()].map((agent) => agent.destroy()));
    },
  };
}

function mayReachBy(entries: () => readonly string[]): (address: string) => boolean {
  return (address) => isGlobalAddress(address) || isListedAddress(address, entries());
}

interface Opening {
  readonly options: HttpOptions;
  readonly ways: Ways;
  readonly ending: Ending;
}

interface Opened {
  readonly answer: Dispatcher.ResponseData;
  readonly at: URL;
}

async function open(text: string, { options, ways, ending }: Opening): Promise<Opened> {
  let target = parseTarget(text, options);
  let headers = options.headers ?? {};
  for (let redirects = 0; ; redirects += 1) {
    const dispatcher = ways.to(target, options.reachable ?? []);
    const answer = await exchange(target.url, { ...options, headers, dispatcher, ending });
    const next = redirects < MOST_REDIRECTS ? nextTarget(target.url, answer, options) : null;
    if (next === null) return { answer, at: target.url };
    answer.body.on('error', () => undefined).destroy();
    if (next.url.origin !== target.url.origin) headers = onlyAccept(headers);
    target = next;
  }
}

type Sending = HttpOptions & { readonly dispatcher: Dispatcher; readonly ending: Ending };

async function exchange(url: URL, options: Sending): Promise<Dispatcher.ResponseData> {
  const { ending, dispatcher, idleMs } = options;
  try {
    return await send(url.href, {
      method: options.method ?? 'GET',
      headers: { 'user-agent': 'tiny-forge', ...options.headers },
      body: options.body ?? null,
      dispatcher,
      signal: ending.signal,
      ...(idleMs !== undefined && { headersTimeout: idleMs, bodyTimeout: idleMs }),
    });
  } catch (error) {
    throw asFailure(error, url, ending);
  }
}

function endingOf({ signal: caller, timeoutMs = TIMEOUT_MS }: HttpOptions): Ending {
  const deadline = AbortSignal.timeout(timeoutMs);
  return { caller, deadline, timeoutMs, signal: caller ? AbortSignal.any([caller, deadline]) : deadline };
}

async function* chunks(body: AsyncIterable<Buffer>, url: URL, ending: Ending): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw asFailure(error, url, ending);
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

interface Ending {
  /** The caller's and the deadline together. */
  readonly signal: AbortSignal;
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

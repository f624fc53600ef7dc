import { TerminalError } from '#domain/errors';
import type { HttpOptions } from './http.js';

type RawHeaders = Record<string, string | string[] | undefined>;

interface Answered {
  readonly statusCode: number;
  readonly headers: RawHeaders;
}

export interface Target {
  readonly url: URL;
  readonly isNamed: boolean;
}

/** The WHATWG parser turns 127.1, 0x7f.1 and 2130706433 into 127.0.0.1 before anything is checked. */
export function parseTarget(text: string, { allow, reachable = [] }: HttpOptions): Target {
  const url: URL | null = URL.parse(text);
  if (url === null) throw new TerminalError('invalid-url', 'The address is no URL. Correct it.');
  if (url.username !== '' || url.password !== '') {
    throw new TerminalError(
      'invalid-url',
      `The address of ${url.host} holds a user or password. Put them into the record's own fields.`,
    );
  }
  const isAllowed = allow !== undefined && URL.parse(`${url.protocol}//${allow.host}`)?.host === url.host;
  const isPlain = url.protocol === 'http:' && ((isAllowed && allow.insecure) || reachable.includes(url.origin));
  const isNamed = isAllowed || isListedHost(url, reachable);
  if (url.protocol === 'https:' || isPlain) return { url, isNamed };
  throw new TerminalError(
    'invalid-url',
    `${url.host} is not asked over ${url.protocol.replace(':', '')}. Use https, or mark the record of this host as insecure.`,
  );
}

/** Entries name a `host`, a `host:port`, or `http://host[:port]`, for which plain http is fine. */
function isListedHost({ hostname, host, origin }: URL, entries: readonly string[]): boolean {
  return entries.some((entry) => entry === hostname || entry === host || entry === origin);
}

/** Null = hand the answer back. To the same origin what was checked holds; any other is checked like the first. */
export function nextTarget(from: URL, answer: Answered, options: HttpOptions): Target | null {
  const { method = 'GET', redirect = 'manual' } = options;
  const location = flatten(answer.headers)['location'];
  const isRedirect = [301, 302, 303, 307, 308].includes(answer.statusCode) && location !== undefined;
  if (!isRedirect || redirect === 'manual' || method === 'POST') return null;
  const next = URL.parse(location, from.href);
  if (redirect === 'checked') return parseTarget(next?.href ?? '', options);
  if (next === null || next.origin !== from.origin || next.username !== '' || next.password !== '') return null;
  return parseTarget(next.href, options);
}

export function onlyAccept(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() === 'accept'));
}

/** Names in lower case. */
export function flatten(headers: RawHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  );
}

import { RetryableError, TerminalError } from '#domain/errors';
import type { HttpOptions, HttpStream } from '../http.js';
import type { ResolveIo } from '../source.js';
import type { CommitWish } from './git-provider.js';
import { providerOf } from './git-providers.js';
import { refusal } from './refusal.js';

/** One repository of one server. */
export interface GitSubject {
  readonly provider: string;
  readonly baseUrl: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly token: string | null;
}

export type GitIo = Pick<ResolveIo, 'http' | 'settings' | 'signal'>;

const COMMIT_MS = 10_000;
const MOST_COMMIT_BYTES = 4 * 1024 * 1024;
/** Of an error's body nobody reads more. */
const MOST_ERROR_BYTES = 16 * 1024;

/** The commit's whole id. Throws what {@link refusal} makes. */
export async function resolveCommit(io: GitIo, subject: GitSubject, wish: CommitWish): Promise<string> {
  const { path, accept = 'application/json', read } = providerOf(subject.provider).commit(subject.repository, wish);
  const asking = await optionsFor(io, subject, { accept, timeoutMs: COMMIT_MS });
  const options = { ...asking, maxBytes: MOST_COMMIT_BYTES };
  const answer = await asked(io, subject, () => io.http.request(urlOf(subject, path), options));
  const body = new TextDecoder().decode(answer.body);
  if (answer.status !== 200) throw refusalOf(subject, wordsFor(wish), { ...answer, body });
  const sha = read(body);
  if (sha !== null && SHA.test(sha)) return sha;
  const text = `What ${hostOf(subject)} answered names no commit. Check baseUrl: it has to be a ${providerOf(subject.provider).title} server.`;
  throw new TerminalError('provider-refused', text);
}

/** The gzipped tar as it comes; whoever does not read it to its end aborts the signal. */
export async function openArchive(
  io: GitIo,
  subject: GitSubject,
  { sha, timeoutMs, idleMs }: { readonly sha: string; readonly timeoutMs: number; readonly idleMs: number },
): Promise<AsyncIterable<Uint8Array>> {
  const path = providerOf(subject.provider).archivePath(subject.repository, sha);
  const options = { ...(await optionsFor(io, subject, { accept: '*/*', timeoutMs })), idleMs };
  const answer = await asked(io, subject, () => io.http.stream(urlOf(subject, path), options));
  if (answer.status === 200) return answer.body;
  throw refusalOf(subject, wordsFor({ sha }), { ...answer, body: await firstOf(answer.body) });
}

export const SHA = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

interface Asking {
  readonly accept: string;
  readonly timeoutMs: number;
}

async function optionsFor(io: GitIo, subject: GitSubject, { accept, timeoutMs }: Asking): Promise<HttpOptions> {
  const headers = { accept, ...providerOf(subject.provider).headers(subject.token) };
  const { allowedProviderHosts: reachable } = await io.settings();
  return { headers, reachable, timeoutMs, redirect: 'checked', signal: io.signal };
}

/** Whatever kept the request from an answer is `provider-unreachable`; what the guard refuses is told as it is. */
async function asked<T>(io: GitIo, subject: GitSubject, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    io.signal.throwIfAborted();
    if (error instanceof TerminalError) throw guarded(error, subject);
    const why = error instanceof Error ? error.message : String(error);
    throw new RetryableError('provider-unreachable', `The Git provider did not answer: ${why}`);
  }
}

function guarded(error: TerminalError, subject: GitSubject): TerminalError {
  if (error.code !== 'blocked-address' && error.code !== 'invalid-url') return error;
  const text = `${error.message} The setting allowedProviderHosts opens ${hostOf(subject)}, http:// in front of it for plain http.`;
  return new TerminalError(error.code, text, 'operator');
}

async function firstOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MOST_ERROR_BYTES) break;
    }
  } catch {
    // What came says enough: the status is known.
  }
  return text;
}

function refusalOf(
  subject: GitSubject,
  what: string,
  answer: Pick<HttpStream, 'status' | 'headers'> & { body: string },
): Error {
  const { repository, token } = subject;
  return refusal({ host: hostOf(subject), repository, token, what, ...answer });
}

function urlOf({ provider, baseUrl }: GitSubject, path: string): string {
  return providerOf(provider).apiUrl(baseUrl) + path;
}

function hostOf(subject: GitSubject): string {
  return new URL(urlOf(subject, '')).host;
}

function wordsFor(wish: CommitWish): string {
  if ('sha' in wish) return `commit ${wish.sha.slice(0, 12)}`;
  return 'branch' in wish ? `branch ${wish.branch}` : `tag ${wish.tag}`;
}

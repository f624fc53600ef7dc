import { RetryableError, TerminalError } from '#domain/errors';
import type { HttpAnswer, HttpOptions } from '../http.js';
import type { RegistryAccess } from '../source.js';
import type { RegistryIo } from './registry-client.js';

export function baseUrl({ host, insecure }: RegistryAccess): string {
  // Docker Hub's name in references is no host that serves the API.
  return `${insecure ? 'http' : 'https'}://${host === 'docker.io' ? 'registry-1.docker.io' : host}`;
}

/** A host that no record names keeps the guard: an image reference alone opens no way into a private network. */
export function allowance(access: RegistryAccess): Pick<HttpOptions, 'allow'> {
  const isNamed = access.named ?? (access.insecure || access.credential !== null);
  return isNamed ? { allow: { host: new URL(baseUrl(access)).host, insecure: access.insecure } } : {};
}

/** Whatever kept the request from an answer is `registry-unreachable`. */
export async function ask(io: RegistryIo, url: string, options: HttpOptions): Promise<HttpAnswer> {
  try {
    return await io.http.request(url, { ...options, ...(io.signal && { signal: io.signal }) });
  } catch (error) {
    io.signal?.throwIfAborted();
    if (error instanceof TerminalError) throw error;
    throw new RetryableError('registry-unreachable', `${new URL(url).host} cannot be reached: ${reasonOf(error)}`);
  }
}

/** The error for an answer that is no success. */
export function refuse(host: string, { status, headers }: HttpAnswer): Error {
  if (status === 401 || status === 403) {
    const text = `${host} refused access (HTTP ${status}). Check the registry's username and password, and the image's name.`;
    return new TerminalError('registry-denied', text, 'operator');
  }
  const wait = retryAfter(headers['retry-after']);
  if (status === 429) return new RetryableError('registry-unreachable', `${host} limits its callers (HTTP 429).`, wait);
  return new RetryableError('registry-unreachable', `${host} answered HTTP ${status}.`, wait);
}

/** Seconds or an HTTP date; null for anything else. */
function retryAfter(value: string | undefined): number | null {
  if (value === undefined) return null;
  if (/^\d{1,6}$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { cause } = error;
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : error.message.slice(0, 200);
}

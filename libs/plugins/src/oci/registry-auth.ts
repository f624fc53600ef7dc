import { RetryableError, TerminalError } from '#domain/errors';
import type { HttpAnswer, HttpOptions } from '../http.js';
import type { RegistryAccess, RegistryCredential } from '../source.js';
import type { RegistryIo, Repository } from './registry-client.js';
import { allowance, ask, baseUrl, refuse } from './registry-request.js';

/**
 * The `Authorization` that answers a challenge (RFC 6750 and 7617, and Distribution's token protocol);
 * null when there is nothing to answer it with.
 */
export async function authorize(io: RegistryIo, at: Repository, challenge: string): Promise<string | null> {
  const { credential } = at.access;
  const scheme = /^\s*([a-z]+)/i.exec(challenge)?.[1]?.toLowerCase();
  if (scheme === 'basic') return credential && basic(credential);
  if (scheme !== 'bearer') return null;
  return `Bearer ${await fetchToken(io, at, parameters(challenge))}`;
}

async function fetchToken(
  io: RegistryIo,
  at: Repository,
  challenge: Readonly<Record<string, string>>,
): Promise<string> {
  const { access, repository } = at;
  const url = realmUrl(access, challenge['realm'] ?? '');
  if (challenge['service'] !== undefined) url.searchParams.set('service', challenge['service']);
  const scope = challenge['scope'] ?? (repository === '' ? null : `repository:${repository}:pull`);
  if (scope !== null) url.searchParams.set('scope', scope);
  const headers: Record<string, string> = access.credential ? { authorization: basic(access.credential) } : {};
  const answer = await ask(io, url.href, { headers, ...realmAllowance(access, url) });
  if (answer.status !== 200) throw refuse(url.host, answer);
  return readToken(answer, url.host);
}

/** The realm comes from the registry: it never gets a password in clear that the registry itself would not get so. */
function realmUrl(access: RegistryAccess, realm: string): URL {
  const url = URL.canParse(realm) ? new URL(realm) : null;
  const isPlainFine = access.insecure && url?.hostname === new URL(baseUrl(access)).hostname;
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && isPlainFine))) return url;
  const text = `${access.host} sends its callers to a token server that is not https: ${realm.slice(0, 200)}`;
  throw new TerminalError('registry-denied', text, 'operator');
}

/** A token server beside a named registry is part of it; any other host has to be public. */
function realmAllowance(access: RegistryAccess, url: URL): Pick<HttpOptions, 'allow'> {
  const { allow } = allowance(access);
  const isSameHost = url.hostname === new URL(baseUrl(access)).hostname;
  return allow && isSameHost ? { allow: { host: url.host, insecure: allow.insecure } } : {};
}

function readToken(answer: HttpAnswer, host: string): string {
  try {
    const body = JSON.parse(new TextDecoder().decode(answer.body)) as { token?: unknown; access_token?: unknown };
    const token = body.token ?? body.access_token;
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
  } catch {
    // Answered below: a token server that talks no JSON is as good as one that is down.
  }
  throw new RetryableError('registry-unreachable', `The token server ${host} answered without a token.`);
}

/** `key="quoted value"` or `key=token`, keys in any case. */
function parameters(challenge: string): Readonly<Record<string, string>> {
  const found = challenge.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi);
  return Object.fromEntries(
    [...found].map(([, key = '', quoted, plain]) => [
      key.toLowerCase(),
      quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
    ]),
  );
}

function basic({ username, password }: RegistryCredential): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)))}`;
}

import { createHash } from 'node:crypto';
import { RetryableError, TerminalError } from '#domain/errors';
import type { Http, HttpAnswer } from '../http.js';
import type { RegistryAccess } from '../source.js';
import { isDigest } from './reference.js';
import { authorize } from './registry-auth.js';
import { allowance, ask, baseUrl, refuse } from './registry-request.js';

export interface RegistryIo {
  readonly http: Pick<Http, 'request'>;
  readonly signal?: AbortSignal;
}

/** One repository of one registry: what every call here is about. */
export interface Repository {
  readonly access: RegistryAccess;
  /** Normalised, without the host. */
  readonly repository: string;
}

// All four, or a registry converts the manifest and answers another digest than the one that is pulled.
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

const TAGS_PER_PAGE = 1_000;
const MOST_PAGES = 20;

/**
 * The digest that a tag has now. Throws {@link TerminalError} `no-such-tag`, `registry-denied`;
 * {@link RetryableError} `registry-unreachable`.
 */
export async function resolveTag(io: RegistryIo, at: Repository, tag: string): Promise<string> {
  const url = `${baseUrl(at.access)}/v2/${at.repository}/manifests/${tag}`;
  const answer = await get(io, at, { url, method: 'HEAD', accept: MANIFESTS });
  const digest = answer.headers['docker-content-digest'] ?? '';
  if (answer.status === 200 && isDigest(digest)) return digest;
  // Some registries answer HEAD without the digest, or not at all.
  const whole =
    answer.status === 200 || answer.status === 405
      ? await get(io, at, { url, method: 'GET', accept: MANIFESTS })
      : answer;
  if (whole.status === 200) return `sha256:${createHash('sha256').update(whole.body).digest('hex')}`;
  if (whole.status === 404)
    throw new TerminalError('no-such-tag', `${at.access.host} has no ${at.repository}:${tag}. Was it pushed?`);
  throw refuse(at.access.host, whole);
}

/** Every tag of a repository, at most 20,000, in the registry's order. The same errors as {@link resolveTag}. */
export async function listTags(io: RegistryIo, at: Repository): Promise<readonly string[]> {
  const tags: string[] = [];
  let url: string | null = `${baseUrl(at.access)}/v2/${at.repository}/tags/list?n=${TAGS_PER_PAGE}`;
  for (let page = 0; url !== null && page < MOST_PAGES; page += 1) {
    const answer: HttpAnswer = await get(io, at, { url, method: 'GET', accept: 'application/json' });
    if (answer.status === 404)
      throw new TerminalError('no-such-tag', `${at.access.host} has no repository ${at.repository}.`);
    if (answer.status !== 200) throw refuse(at.access.host, answer);
    tags.push(...readTags(answer, at));
    url = nextPage(answer.headers['link'], url);
  }
  return tags;
}

/** Asks the registry whether it takes these credentials: what a connection test runs. */
export async function checkAccess(io: RegistryIo, access: RegistryAccess): Promise<void> {
  const answer = await get(
    io,
    { access, repository: '' },
    { url: `${baseUrl(access)}/v2/`, method: 'GET', accept: 'application/json' },
  );
  if (answer.status !== 200) throw refuse(access.host, answer);
}

interface Question {
  readonly url: string;
  readonly method: 'GET' | 'HEAD';
  readonly accept: string;
}

/** Anonymous first: the challenge says how to come back. */
async function get(io: RegistryIo, at: Repository, question: Question): Promise<HttpAnswer> {
  const { access } = at;
  const allow = allowance(access);
  const attempt = (headers: Readonly<Record<string, string>>): Promise<HttpAnswer> => {
    return ask(io, question.url, {
      method: question.method,
      headers: { accept: question.accept, ...headers },
      ...allow,
    });
  };
  const first = await attempt({});
  if (first.status !== 401) return first;
  const header = await authorize(io, at, first.headers['www-authenticate'] ?? '');
  return header === null ? first : attempt({ authorization: header });
}

function readTags(answer: HttpAnswer, at: Repository): readonly string[] {
  try {
    const { tags } = JSON.parse(new TextDecoder().decode(answer.body)) as { tags?: unknown };
    if (tags === null || tags === undefined) return [];
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  } catch {
    // Answered below: cut short or no JSON at all is the registry's fault either way.
  }
  throw new RetryableError(
    'registry-unreachable',
    `${at.access.host} answered the list of tags of ${at.repository} with something else.`,
  );
}

/** RFC 8288, as registries write it: `</v2/…?last=…>; rel="next"`. Never leaves the registry. */
function nextPage(link: string | undefined, from: string): string | null {
  const target = /<([^>]+)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, from)) return null;
  const next = new URL(target, from);
  const current = new URL(from);
  return next.host === current.host && next.href !== current.href
    ? new URL(next.pathname + next.search, current.origin).href
    : null;
}

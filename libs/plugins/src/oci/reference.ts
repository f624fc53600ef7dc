/** An image name in its one spelling: Docker Hub is `docker.io`, its official images live in `library/`. */
export interface ImageReference {
  /** `host[:port]`, lower case. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  /** `sha256:<64 hex>`. */
  readonly digest: string | null;
}

/** Null when the text is no image reference; {@link referenceProblem} says why. */
export function parseReference(text: string): ImageReference | null {
  const read = readReference(text);
  return typeof read === 'string' ? null : read;
}

/** Why the text is no image reference, for people; null when it is one. */
export function referenceProblem(text: string): string | null {
  const read = readReference(text);
  return typeof read === 'string' ? read : null;
}

/** `host/repository`, without tag and digest: what two references are compared by. */
export function nameOf(reference: Pick<ImageReference, 'registry' | 'repository'>): string {
  return `${reference.registry}/${reference.repository}`;
}

/** `host/repository[:tag][@digest]`. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`;
  const digest = reference.digest === null ? '' : `@${reference.digest}`;
  return `${nameOf(reference)}${tag}${digest}`;
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Lower case, Docker Hub's other names folded into `docker.io`; null when it is no `host[:port]`. */
export function normaliseHost(host: string): string | null {
  if (host.length > 255) return null;
  const lower = host.toLowerCase();
  const match = HOST.exec(lower);
  if (match === null) return null;
  if (match[1] !== undefined && Number(match[1]) > 65_535) return null;
  return DOCKER_HUB.has(lower) ? 'docker.io' : lower;
}

/** The path of an image on a normalised host, lower case, with Docker Hub's `library/`; null when it is none. */
export function normaliseRepository(registry: string, path: string): string | null {
  const lower = path.length > 255 ? '' : path.toLowerCase();
  if (!lower.split('/').every((part) => COMPONENT.test(part))) return null;
  return registry === 'docker.io' && !lower.includes('/') ? `library/${lower}` : lower;
}

// Grammar of the distribution project's `reference` package; an IPv6 host stands in brackets.
const HOST =
  /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)(?::([0-9]{1,5}))?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

function readReference(text: string): ImageReference | string {
  if (text === '') return 'an image name is empty';
  if (text.length > 1024) return 'an image name has at most 1024 characters';
  if (text.includes('://')) return 'an image name has no scheme: leave out everything up to ://';
  const [named = '', digest, ...rest] = text.split('@');
  if (rest.length > 0) return 'an image name has at most one @';
  if (digest !== undefined && !isDigest(digest)) return 'a digest is sha256: and 64 hexadecimal digits';
  const { name, tag } = cutTag(named);
  if (tag !== null && !isTag(tag))
    return 'a tag has 1 to 128 letters, digits, _ . - and begins with a letter, digit or _';
  const { host, path } = cutHost(name);
  const registry = normaliseHost(host);
  if (registry === null) return `"${host.slice(0, 80)}" is no registry host`;
  const repository = normaliseRepository(registry, path);
  if (repository === null) return `"${path.slice(0, 80)}" is no repository name`;
  return { registry, repository, tag, digest: digest ?? null };
}

/** A colon after the last slash begins a tag; before it, a port. */
function cutTag(named: string): { name: string; tag: string | null } {
  const colon = named.lastIndexOf(':');
  if (colon <= named.lastIndexOf('/')) return { name: named, tag: null };
  return { name: named.slice(0, colon), tag: named.slice(colon + 1) };
}

/** Docker's rule: the first part is a host when it holds a dot or a colon, or is `localhost`. */
function cutHost(name: string): { host: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, slash);
  if (slash > 0 && (/[.:]/.test(first) || first === 'localhost')) return { host: first, path: name.slice(slash + 1) };
  return { host: 'docker.io', path: name };
}

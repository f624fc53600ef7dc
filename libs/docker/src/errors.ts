import { RetryableError, TerminalError } from '#domain/errors';

/** The HTTP status of an engine's refusal; null when the error is not one. */
export function statusOf(error: unknown): number | null {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}

/** What the engine said, without the client library's preamble, in at most 500 characters. */
export function engineText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^\(HTTP code \d+\) [^-]* - /, '')
    .trim()
    .slice(0, 500);
}

/** Any failed engine call but a pull's. `what` completes "Docker could not …". */
export function engineError(error: unknown, what: string): Error {
  if (isOurs(error)) return error;
  const status = statusOf(error);
  if (status === null) return unreachable(error, what);
  const text = engineText(error);
  const host = hostError(text);
  if (host) return host;
  // Another engine than the one the version was agreed with.
  if (/client version \S+ is too (old|new)/i.test(text)) {
    return new RetryableError('docker-unreachable', `Docker could not ${what}: it was replaced by another version.`);
  }
  if (/no such image/i.test(text)) {
    return new TerminalError('no-such-image', `Docker could not ${what}: the image is not on this host (${text}).`);
  }
  if (status === 503)
    return new RetryableError('docker-unreachable', `Docker could not ${what}: it is not ready (${text}).`);
  // A runtime that refuses the container (no such program, bad mount) answers 500, and would again.
  if (status < 500 || /OCI runtime|runc|executable file not found/i.test(text)) {
    return new TerminalError('docker-rejected', `Docker refused to ${what}: ${text}`);
  }
  return new RetryableError('docker-failed', `Docker failed to ${what} (${status}): ${text}`);
}

/** A failed pull: `text` from an error line of the stream, or from a refusal before it began. */
export function pullError(text: string, reference: string): Error {
  const host = hostError(text);
  if (host) return host;
  const kind = PULL_KINDS.find(([pattern]) => pattern.test(text))?.[1] ?? 'registry-unreachable';
  return PULL_ERRORS[kind](reference, text);
}

/** A failed build: `text` from an error line of the stream, or from a refusal before it began. */
export function buildError(text: string, tag: string): Error {
  const host = hostError(text);
  if (host) return host;
  if (/pull access denied|manifest unknown|no such image|not found: manifest|repository does not exist/i.test(text)) {
    return new TerminalError(
      'no-such-image',
      `Docker could not build ${tag}: what it is built on is not there (${text}).`,
    );
  }
  return new TerminalError('build-failed', `Docker could not build ${tag}: ${text}`);
}

type PullKind = 'registry-unreachable' | 'registry-denied' | 'no-such-image' | 'wrong-platform' | 'docker-rejected';

/**
 * Engines put a registry's answer into words only. First match wins: a rate limit's text may speak of
 * authentication, and a denial's of a repository that does not exist.
 */
const PULL_KINDS: readonly (readonly [RegExp, PullKind])[] = [
  [
    /toomanyrequests|too many requests|\b429\b|status:? 5\d\d\b|timeout|deadline exceeded|connection refused/i,
    'registry-unreachable',
  ],
  [
    /no matching manifest|does not match the specified platform|does not provide the specified platform/i,
    'wrong-platform',
  ],
  [
    /unauthorized|access denied|denied:|no basic auth|authentication required|insufficient_scope|failed to authorize|forbidden|\b40[13] /i,
    'registry-denied',
  ],
  [/manifest unknown|name unknown|not known to registry|not found|no such image/i, 'no-such-image'],
  [/invalid reference|unsupported manifest|media type|must be lowercase|invalid checksum digest/i, 'docker-rejected'],
];

const PULL_ERRORS: Readonly<Record<PullKind, (reference: string, text: string) => Error>> = {
  'registry-unreachable': (reference, text) =>
    new RetryableError('registry-unreachable', `Pulling ${reference} failed, the registry did not deliver: ${text}`),
  'registry-denied': (reference, text) =>
    new TerminalError(
      'registry-denied',
      `The registry refused ${reference}: ${text}. Check its credentials, and that they may read this repository.`,
    ),
  'no-such-image': (reference, text) =>
    new TerminalError(
      'no-such-image',
      `The registry has no ${reference}: ${text}. Check the name and the tag or digest.`,
    ),
  'wrong-platform': (reference, text) =>
    new TerminalError(
      'wrong-platform',
      `${reference} is not built for this platform: ${text}. Push one that is, or set the platform.`,
    ),
  'docker-rejected': (reference, text) =>
    new TerminalError('docker-rejected', `Docker refused to pull ${reference}: ${text}`),
};

/** Faults of the host itself, whichever call met them. */
function hostError(text: string): Error | null {
  if (/no space left on device|disk quota exceeded/i.test(text)) {
    return new TerminalError(
      'disk-full',
      `The host's disk is full: ${text}. Free space (docker image prune) and deploy again.`,
      'operator',
    );
  }
  if (/port is already allocated|address already in use|ports are not available/i.test(text)) {
    return new TerminalError('port-taken', `A host port is taken by another program: ${text}`, 'operator');
  }
  return null;
}

function unreachable(error: unknown, what: string): Error {
  const code = (error as { code?: unknown } | null)?.code;
  // A library's own misuse has a code too (ERR_INVALID_ARG_TYPE): that is a bug, not an absent engine.
  if (typeof code !== 'string' || !/^(E(?!RR_)|HPE_|ERR_STREAM)/.test(code))
    return error instanceof Error ? error : new Error(String(error));
  const hint =
    code === 'EACCES'
      ? 'This user may not open its socket: add it to the group "docker", or run as root.'
      : 'Check that it runs and that DOCKER_HOST is right.';
  return new RetryableError('docker-unreachable', `Docker could not ${what}: it does not answer (${code}). ${hint}`);
}

function isOurs(error: unknown): error is Error {
  return error instanceof TerminalError || error instanceof RetryableError;
}

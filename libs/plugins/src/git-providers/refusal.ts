import { RetryableError, TerminalError } from '#domain/errors';
import { oneLine } from '#domain/one-line';
import { stringAt } from './git-provider.js';

/** An answer that is no success, and what was asked for. */
export interface Refused {
  readonly host: string;
  /** `owner/name`. */
  readonly repository: string;
  /** `branch main`, `commit 1a2b3c` … */
  readonly what: string;
  readonly token: string | null;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Throws-ready: RetryableError `provider-busy`, `provider-unreachable`; TerminalError `provider-denied`, `no-such-ref`,
 * `provider-refused`. What the vendor says is quoted, the token taken out of it.
 */
export function refusal(refused: Refused): Error {
  const { host, status, headers, what, repository } = refused;
  const wait = waitOf(headers);
  if (status === 429 || (status === 403 && isLimited(headers)))
    return new RetryableError('provider-busy', `${host} limits its callers${said(refused)}.`, wait);
  if (status === 401 || status === 403) {
    const next = 'Check the accessToken: it may be revoked, or not be allowed to read this repository.';
    return new TerminalError(
      'provider-denied',
      `${host} refused access to ${repository}${said(refused)}. ${next}`,
      'operator',
    );
  }
  // A private repository looks to a stranger like none; GitHub says 409 of an empty one, 422 of an unknown commit.
  if ([404, 409, 410, 422].includes(status)) {
    const next =
      refused.token === null
        ? 'Check the names, or set an accessToken if it is private.'
        : 'Check the names, and what the accessToken may read.';
    return new TerminalError('no-such-ref', `${host} has no ${what} of ${repository}${said(refused)}. ${next}`);
  }
  if (status >= 500 || status === 408)
    return new RetryableError('provider-unreachable', `${host} failed${said(refused)}.`, wait);
  return new TerminalError('provider-refused', `${host} did not answer for ${what} of ${repository}${said(refused)}.`);
}

/** ` (HTTP 404: Not Found)`. */
function said({ status, body, token }: Refused): string {
  const text = stringAt(body, 'message') ?? stringAt(body, 'error_description') ?? stringAt(body, 'error');
  const words = text === null ? '' : `: ${oneLine(text, token === null ? [] : [token]).slice(0, 80)}`;
  return ` (HTTP ${status}${words})`;
}

/** GitHub says 403 for both of its limits. */
function isLimited(headers: Readonly<Record<string, string>>): boolean {
  return headers['x-ratelimit-remaining'] === '0' || headers['retry-after'] !== undefined;
}

/** Seconds: `Retry-After`, as seconds or as a date, else when GitHub or GitLab give the next ones. By the server's own clock. */
function waitOf(headers: Readonly<Record<string, string>>): number | null {
  const { 'retry-after': after, date = '' } = headers;
  const now = Date.parse(date) || Date.now();
  if (after !== undefined && /^\d{1,6}$/.test(after)) return Number(after);
  const reset = headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'];
  const at = after === undefined ? Number(reset ?? NaN) * 1000 : Date.parse(after);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now) / 1000));
}

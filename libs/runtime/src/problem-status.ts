/** Codes whose status the name alone does not tell. */
const STATUS: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  'bad-credentials': 401,
  'invalid-signature': 401,
  'invalid-credentials': 401,
  forbidden: 403,
  'role-too-low': 403,
  'not-allowed': 403,
  'origin-refused': 403,
  'not-found': 404,
  gone: 410,
  'precondition-failed': 412,
  'too-large': 413,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'no-such-tag': 422,
  'no-such-ref': 422,
  'no-such-image': 422,
  'no-such-repository': 422,
  'wrong-platform': 422,
  'idempotency-key-reused': 422,
  'too-many-requests': 429,
  'rate-limited': 429,
  'bad-request': 400,
  'malformed-json': 400,
  'too-deep': 400,
  'unknown-field': 400,
  'port-required': 400,
  'no-domain': 400,
  'override-too-large': 400,
  'weak-password': 400,
  'http-timeout': 504,
  'database-unavailable': 503,
  'queue-unavailable': 503,
  'shutting-down': 503,
  'disk-full': 507,
};

/** Of a `Rejection`: the caller's to mend, 409 where nothing says otherwise. */
export function rejectionStatus(code: string): number {
  return STATUS[code] ?? byPattern(code) ?? 409;
}

/** Of a `RetryableError` or `TerminalError` that reached a caller: somebody behind us failed. */
export function failureStatus(code: string): number {
  if (STATUS[code] !== undefined) return STATUS[code];
  if (
    code.startsWith('registry-') ||
    code.startsWith('provider-') ||
    code.startsWith('http-') ||
    code === 'blocked-address'
  )
    return 502;
  return byPattern(code) ?? 503;
}

function byPattern(code: string): number | undefined {
  if (/^(invalid|unknown|missing|malformed)-|-(invalid|required|unknown|too-long|too-large|missing)$/.test(code))
    return 400;
  if (/^no-such-|-not-found$/.test(code)) return 404;
  return undefined;
}

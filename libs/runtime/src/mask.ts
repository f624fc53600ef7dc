const MASK = '***';

/** Ends in one of these words: `accessToken`, `x-gitlab-token`, `signing_secret`; not `tokenId` or `secretVersion`. */
const SECRET_KEY = /(authorization|cookie|password|passwd|secret|token|api[-_]?key|private[-_]?key|master[-_]?key)$/i;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // The secret of a webhook stands in its path.
  [/(\/api\/webhook\/triggers\/)[^/?#\s"'\\]+/g, `$1${MASK}`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}/gi, `$1 ${MASK}`],
  // user:password@ in any address.
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"']*:[^\s/?#@"']*@/gi, `$1${MASK}@`],
];
const MOST_DEPTH = 6;
const MOST_ITEMS = 100;

/** Takes secrets out of text: known forms, and the values in `secrets`. */
export function maskText(text: string, secrets: readonly string[] = []): string {
  let masked = text;
  for (const [pattern, replacement] of PATTERNS) masked = masked.replace(pattern, replacement);
  for (const secret of secrets) if (secret.length >= 4) masked = masked.replaceAll(secret, MASK);
  return masked;
}

/** A copy fit for a log line: secrets masked by key and by form, errors spelled out, depth and length bounded. */
export function maskValue(value: unknown, secrets: readonly string[] = [], depth = 0): unknown {
  if (typeof value === 'string') return maskText(value, secrets);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth >= MOST_DEPTH) return '[deeper]';
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => maskValue(item, secrets, depth + 1));
  const fields: [string, unknown][] = value instanceof Error ? errorFields(value) : Object.entries(value);
  return Object.fromEntries(fields.map(([key, field]) => [key, maskField(key, field)]));

  function maskField(key: string, field: unknown): unknown {
    const isSecret = SECRET_KEY.test(key) && field !== null && field !== undefined && typeof field !== 'boolean';
    return isSecret ? MASK : maskValue(field, secrets, depth + 1);
  }
}

/** Postgres puts row values into `detail` and `parameters`: only what tells the kind of error is kept. */
function errorFields(error: Error): [string, unknown][] {
  const known = ['name', 'message', 'code', 'status', 'statusCode', 'constraint', 'cause', 'errors', 'stack'] as const;
  const record = error as unknown as Record<string, unknown>;
  return known.filter((key) => record[key] !== undefined).map((key) => [key === 'name' ? 'type' : key, record[key]]);
}

type Json = Readonly<Record<string, unknown>>;

/** Our servers' names among whatever else this Caddy serves. */
export const SERVER = 'tinyforge';
export const TLS_SERVER = 'tinyforge-tls';

/** Marks what is ours in a list: Caddy keeps `@id` and gives it no meaning of its own. */
export const OURS = 'tinyforge-';

/** What runs, less what we put there before: the admin endpoint, logging and an operator's own servers stay. */
export function withoutOurs(running: unknown, under = ''): unknown {
  if (Array.isArray(running)) return running.filter((each) => !isOurs(each)).map((each) => withoutOurs(each));
  if (!isObject(running)) return running;
  const kept = Object.entries(running).flatMap(([key, value]) => {
    if (under === 'servers' && (key === SERVER || key === TLS_SERVER)) return [];
    const inner = withoutOurs(value, key);
    // What held nothing but ours goes with it.
    return isEmpty(inner) && !isEmpty(value) ? [] : [[key, inner] as const];
  });
  return Object.fromEntries(kept);
}

/** Lists of ours stand before theirs: the first that fits a name counts. */
export function merge(running: unknown, doc: unknown): unknown {
  if (Array.isArray(running) && Array.isArray(doc)) return [...(doc as unknown[]), ...(running as unknown[])];
  if (!isObject(running) || !isObject(doc)) return doc;
  const merged = Object.entries(doc).map(([key, value]) => [key, merge(running[key], value)]);
  return { ...running, ...Object.fromEntries(merged) };
}

/** One text for equal configurations, in whatever order their fields come. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    return isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner;
  });
}

function isOurs(value: unknown): boolean {
  return isObject(value) && typeof value['@id'] === 'string' && value['@id'].startsWith(OURS);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

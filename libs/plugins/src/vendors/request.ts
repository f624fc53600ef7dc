import type { RawRequest } from '../inbound.js';

/** A header's value without blanks around it; null when it is missing or empty. `name` in lower case. */
export function header(request: RawRequest, name: string): string | null {
  if (!Object.hasOwn(request.headers, name)) return null;
  const value: unknown = request.headers[name];
  return typeof value === 'string' ? value.trim() || null : null;
}

/** The media type alone, lower case; `''` when there is none. */
export function mediaType(request: RawRequest): string {
  return (header(request, 'content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/** A header that serves as delivery id; one longer than 200 characters is nobody's id. */
export function idHeader(request: RawRequest, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = header(request, name);
    if (value !== null) return value.length <= 200 ? value : null;
  }
  return null;
}

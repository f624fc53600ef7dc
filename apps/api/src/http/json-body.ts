import type { FastifyInstance } from 'fastify';
import { Rejection } from '#domain/errors';
import { refuseDeep } from '#runtime/validation';

/** Bytes that a request's body may take. */
export const BODY_LIMIT = 1024 * 1024;

type Parsing = Pick<FastifyInstance, 'addContentTypeParser' | 'removeAllContentTypeParsers'>;

/** JSON and nothing else (any other type is 415), and only what can be stored and cannot reach a prototype. */
export function acceptJsonOnly(server: Parsing): void {
  server.removeAllContentTypeParsers();
  const types = ['application/json', 'application/merge-patch+json'];
  server.addContentTypeParser(types, { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    try {
      done(null, parseBody(String(body)));
    } catch (error) {
      done(error as Error);
    }
  });
}

export function parseBody(text: string): unknown {
  if (text.trim() === '') return undefined;
  const body = parse(text);
  refuseDeep(body);
  refuseUnsafe(body);
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Rejection('malformed-json', 'The body is no JSON. Check its quotes, commas and brackets.');
  }
}

/** Depth was checked before: this may recurse. */
function refuseUnsafe(value: unknown): void {
  if (typeof value === 'string') refuseUnstorable(value);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') throw new Rejection('unknown-field', 'No field may be named __proto__. Remove it.');
    refuseUnstorable(key);
    refuseUnsafe(inner);
  }
}

function refuseUnstorable(text: string): void {
  if (text.isWellFormed() && !text.includes('\0')) return;
  throw new Rejection('invalid-text', 'A text holds a NUL character or half of a surrogate pair. Remove it.');
}

import { Malformed, type RawRequest } from '../inbound.js';
import { mediaType } from './request.js';

export type Obj = Readonly<Record<string, unknown>>;

/** Deeper than any vendor nests, far below where `JSON.stringify` overflows the stack. */
const MAX_DEPTH = 64;
/** A push of 2,048 commits has some 20,000; a million empty ones would hold the event loop for a second. */
const MAX_NODES = 100_000;

/** The body's JSON object. Throws {@link Malformed} when it is none. */
export function payload(request: RawRequest): Obj {
  const read = readOnce(request);
  if (read instanceof Malformed) throw new Malformed(read.message);
  return read;
}

/** The same for recognition and ids: null instead of an error. */
export function peek(request: RawRequest): Obj | null {
  const read = readOnce(request);
  return read instanceof Malformed ? null : read;
}

/** The JSON text: the body, or what its form field `payload` holds. Throws {@link Malformed}. */
export function payloadText(request: RawRequest): string {
  const text = decode(request.body);
  // `curl -d '{…}'` labels JSON as a form.
  if (mediaType(request) !== 'application/x-www-form-urlencoded' || /^\s*[{[]/.test(text)) return text;
  const field = new URLSearchParams(text).get('payload');
  if (field === null) throw new Malformed('the form has no field "payload": send JSON, or the JSON in that field');
  return field;
}

/** Strict JSON text to an object, of bounded depth and size, without keys that could reach a prototype. */
export function parseObject(text: string): Obj {
  measure(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Malformed('the body is not JSON');
  }
  if (!isObject(value)) throw new Malformed('the body is JSON, but not an object');
  harden(value);
  return value;
}

/** What stands at the path; undefined where the shape differs. Own properties only. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let node = value;
  for (const key of path) {
    if (!isObject(node) || !Object.hasOwn(node, key)) return undefined;
    node = node[key];
  }
  return node;
}

/** A string that is not empty, fit for Postgres: no NUL, no lone surrogate. Null where there is none. */
export function text(value: unknown, ...path: readonly string[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' ? found.toWellFormed().replaceAll('\0', '') || null : null;
}

export function object(value: unknown, ...path: readonly string[]): Obj | null {
  const found = at(value, ...path);
  return isObject(found) ? found : null;
}

export function list(value: unknown, ...path: readonly string[]): readonly unknown[] | null {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : null;
}

export function number(value: unknown, ...path: readonly string[]): number | null {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : null;
}

export function flag(value: unknown, ...path: readonly string[]): boolean {
  return at(value, ...path) === true;
}

/** The value, or {@link Malformed} that names what is missing. */
export function need<T>(value: T | null, name: string): T {
  if (value === null) throw new Malformed(`the payload has no ${name}`);
  return value;
}

/** Recognition asks a dozen vendors about one body: it is read once. */
const reads = new WeakMap<RawRequest, Obj | Malformed>();

function readOnce(request: RawRequest): Obj | Malformed {
  const known = reads.get(request);
  if (known !== undefined) return known;
  let read: Obj | Malformed;
  try {
    read = parseObject(payloadText(request));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    read = error;
  }
  reads.set(request, read);
  return read;
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new Malformed('the body is not UTF-8');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counts brackets outside strings before anything is built of them. */
function measure(text: string): void {
  let depth = 0;
  let nodes = 0;
  let isString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) isString = !isString;
    else if (isString) continue;
    else if (code === BRACKET || code === BRACE) {
      if (++depth > MAX_DEPTH) throw new Malformed(`the JSON nests deeper than ${MAX_DEPTH} levels`);
      if (++nodes > MAX_NODES) throw new Malformed(`the JSON has more than ${MAX_NODES} objects and lists`);
    } else if (code === BRACKET + 2 || code === BRACE + 2) depth -= 1;
  }
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Removes keys that would reach a prototype if anybody merged or copied the payload. */
function harden(root: object): void {
  const open: object[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      if (!Array.isArray(node) && Object.hasOwn(node, key)) Reflect.deleteProperty(node, key);
    }
    for (const child of Object.values(node) as unknown[]) {
      if (typeof child === 'object' && child !== null) open.push(child);
    }
  }
}

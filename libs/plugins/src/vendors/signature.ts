import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { RawRequest } from '../inbound.js';
import { header } from './request.js';

export type Judgement = 'valid' | 'invalid';

export function judge(isValid: boolean): Judgement {
  return isValid ? 'valid' : 'invalid';
}

/** Constant time whatever the lengths: both sides are hashed first. An empty secret never equals anything. */
export function sameSecret(given: string | null, secret: string): boolean {
  if (given === null || secret === '') return false;
  return timingSafeEqual(sha256(given), sha256(secret));
}

/** `given` is the hexadecimal HMAC of the bytes. */
export function hexHmac(
  given: string | null,
  expected: { secret: string; bytes: Uint8Array | string; algorithm?: 'sha256' | 'sha1' },
): boolean {
  if (given === null || expected.secret === '' || !/^[0-9a-f]+$/i.test(given)) return false;
  const digest = createHmac(expected.algorithm ?? 'sha256', expected.secret)
    .update(expected.bytes)
    .digest();
  const sent = Buffer.from(given, 'hex');
  return sent.length === digest.length && timingSafeEqual(sent, digest);
}

/** `sha256=<hex HMAC of the raw body>`; SHA-1 is never accepted. */
export function hubSignature(request: RawRequest, secret: string, name = 'x-hub-signature-256'): boolean {
  const match = /^sha256=([0-9a-f]{64})$/i.exec(header(request, name) ?? '');
  return match !== null && hexHmac(match[1] ?? null, { secret, bytes: request.body });
}

/** `webhook-id`, `-timestamp`, `-signature`: any `v1` signature of the list, at most 5 minutes off. */
export function standardWebhooks(request: RawRequest, secret: string, now: Date): boolean {
  const id = header(request, 'webhook-id');
  const timestamp = header(request, 'webhook-timestamp') ?? '';
  const signatures = header(request, 'webhook-signature') ?? '';
  if (id === null || secret === '' || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (!isRecent(Number(timestamp) * 1_000, now)) return false;
  const digests = keysOf(secret).map((key) =>
    createHmac('sha256', key).update(`${id}.${timestamp}.`).update(request.body).digest(),
  );
  const sent = signatures.split(' ', 20).filter((one) => one.startsWith('v1,'));
  return sent.some((one) => digests.some((digest) => sameBytes(Buffer.from(one.slice(3), 'base64'), digest)));
}

/** The secret itself in a header: literal, `Bearer`, or the password of `Basic`. */
export function headerSecret(request: RawRequest, secret: string): boolean {
  const authorization = header(request, 'authorization');
  const key = header(request, 'x-api-key') ?? header(request, 'x-webhook-secret');
  return [authorization, ...credentialsOf(authorization), key].some((given) => sameSecret(given, secret));
}

/** For senders that can do any of it: CI jobs, scripts, CloudEvents brokers. */
export function anySignature(request: RawRequest, secret: string, now: Date): boolean {
  return hubSignature(request, secret) || standardWebhooks(request, secret, now) || headerSecret(request, secret);
}

/** Signed timestamps further off than 5 minutes, either way, are replays. */
export function isRecent(timestampMs: number, now: Date): boolean {
  return Math.abs(now.getTime() - timestampMs) <= 300_000;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `whsec_` marks base64; a secret without the mark is taken by its bytes. */
function keysOf(secret: string): readonly Buffer[] {
  const plain = Buffer.from(secret);
  if (!secret.startsWith('whsec_')) return [plain];
  const decoded = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return decoded.length > 0 ? [decoded] : [];
}

function credentialsOf(authorization: string | null): readonly string[] {
  const match = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '');
  if (match?.[2] === undefined) return [];
  if (match[1]?.toLowerCase() === 'bearer') return [match[2]];
  const pair = Buffer.from(match[2], 'base64').toString();
  return [pair, pair.slice(pair.indexOf(':') + 1)];
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

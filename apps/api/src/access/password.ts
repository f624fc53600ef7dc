import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { Rejection } from '#domain/errors';

const MIN_LENGTH = 10;
const KEY_BYTES = 32;
/** 32 MiB and about 200 ms: one of the settings that OWASP names for scrypt. */
const COST = { N: 2 ** 15, r: 8, p: 3 } as const;
const MAX_MEMORY = 128 * 1024 * 1024;

/** `scrypt$N$r$p$salt$key`; the costs stand in it, so that they can grow. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Throws `weak-password`. Costs nothing: it comes before what costs. */
export function requireStrong(password: string): void {
  if (password.length >= MIN_LENGTH) return;
  throw new Rejection('weak-password', `The password is too short. Choose one of at least ${MIN_LENGTH} characters.`, [
    { pointer: '/password', detail: `must be at least ${MIN_LENGTH} characters` },
  ]);
}

/** Takes as long for a person who is not there (`stored` null) as for one who is. */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const [, n, r, p, salt = '', key = ''] = (stored ?? NOBODY).split('$');
  const derived = await derive(password, Buffer.from(salt, 'base64url'), { N: Number(n), r: Number(r), p: Number(p) });
  const expected = Buffer.from(key, 'base64url');
  return derived.length === expected.length && timingSafeEqual(derived, expected) && stored !== null;
}

const NOBODY = ['scrypt', COST.N, COST.r, COST.p, 'AAAAAAAAAAAAAAAAAAAAAA', 'A'.repeat(43)].join('$');

function derive(password: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { ...cost, maxmem: MAX_MEMORY }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 bit, safe in a URL. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256 in hex: enough for what is random already. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** In constant time, whatever their lengths. */
export function isSameSecret(left: string, right: string): boolean {
  return timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());
}

/** Prefix of API tokens, so that scanners and people know one when they see it. */
export const TOKEN_PREFIX = 'tf_';

export function newToken(): { token: string; hash: string; prefix: string } {
  const token = TOKEN_PREFIX + newSecret();
  return { token, hash: hashOf(token), prefix: token.slice(0, 8) };
}

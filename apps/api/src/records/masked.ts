import type { SecretRef } from '#domain/secret-ref';
import type { Sealed, Secrets } from '#store/secrets';

/** How a secret reads in an answer; sending it back keeps the value. */
export const MASKED = { $secret: 'set' } as const;

export function isMasked(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { $secret?: unknown }).$secret === 'set';
}

export function masked(ref: SecretRef | null): typeof MASKED | null {
  return ref === null ? null : MASKED;
}

/** A new secret, or the next version of the one before. */
export function sealNext(secrets: Secrets, plain: string, before: SecretRef | null): Sealed {
  return before === null
    ? secrets.seal(plain)
    : secrets.seal(plain, { secretId: before.secretId, version: before.version + 1 });
}

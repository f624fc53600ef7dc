import type { SecretRef } from '#domain/secret-ref';
import { isSecretRef } from '#plugins/secret';
import type { Sealed, Secrets } from '#store/secrets';

/** How a secret reads in an answer; sending it back keeps the value. */
export const MASKED = { $secret: 'set' } as const;

export function isMasked(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { $secret?: unknown }).$secret === 'set';
}

export function masked(ref: SecretRef | null): typeof MASKED | null {
  return ref === null ? null : MASKED;
}

/** A copy in which every secret, however deep, reads as `mask` has it. */
export function maskRefs<T>(value: T, mask: (ref: SecretRef) => object = () => MASKED): T {
  if (isSecretRef(value)) return mask(value) as T;
  if (Array.isArray(value)) return value.map((inner) => maskRefs<unknown>(inner, mask)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskRefs<unknown>(inner, mask)])) as T;
}

/** A new secret, or the next version of the one before. */
export function sealNext(secrets: Secrets, plain: string, before: SecretRef | null): Sealed {
  return before === null
    ? secrets.seal(plain)
    : secrets.seal(plain, { secretId: before.secretId, version: before.version + 1 });
}

import type { SecretRef } from '#domain/secret-ref';
import { Rule } from './rule.js';

/** Of a config class: its secrets, and the fields that say to whom each is sent. */
const FIELDS = new WeakMap<object, Map<string, readonly string[]>>();

/**
 * A top-level field of a config that holds a secret: text when somebody sets it, a {@link SecretRef} in everything that
 * is stored, so that no event, job or answer ever has it. It is sent as a header: one line of printable ASCII.
 * `sentBy`: fields that say where it goes; when one changes, the secret has to be given again.
 */
export function Secret({ sentBy = [] }: { readonly sentBy?: readonly string[] } = {}): PropertyDecorator {
  const check = Rule((value) => {
    if (isSecretRef(value)) return null;
    const isText = typeof value === 'string' && /^[\x21-\x7e]{1,4096}$/.test(value);
    return isText ? null : 'must be 1 to 4096 printable ASCII characters without spaces';
  });
  return (target, property) => {
    FIELDS.set(target, (FIELDS.get(target) ?? new Map<string, readonly string[]>()).set(String(property), sentBy));
    check(target, property);
  };
}

/** Fields of a config class that hold secrets. */
export function secretFields(type: new () => object): readonly string[] {
  const prototype = type.prototype as object;
  return [...(FIELDS.get(prototype)?.keys() ?? [])];
}

/** Fields that say where this secret is sent. */
export function sendersOf(type: new () => object, field: string): readonly string[] {
  return FIELDS.get(type.prototype as object)?.get(field) ?? [];
}

export function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== 'object' || value === null) return false;
  const { secretId, version, fingerprint } = value as Partial<Record<keyof SecretRef, unknown>>;
  return typeof secretId === 'string' && typeof version === 'number' && typeof fingerprint === 'string';
}

/** Every ref in a stored value, however deep. */
export function refsIn(value: unknown): readonly SecretRef[] {
  if (isSecretRef(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(refsIn) : [];
}

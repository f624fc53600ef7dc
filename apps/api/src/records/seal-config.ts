import type { FieldError } from '#domain/errors';
import type { ConfigClass } from '#plugins/config';
import { isSecretRef, secretFields, sendersOf } from '#plugins/secret';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import { isMasked, sealNext } from './masked.js';

type Config = Readonly<Record<string, unknown>>;

export interface SealedConfig {
  /** Ready for an event: refs instead of secrets. */
  readonly config: Record<string, unknown>;
  /** For the commit that names them. */
  readonly statements: readonly Statement[];
}

/**
 * Before the check: a secret that is left out or sent back masked stays the one of `before`. A ref is nobody's to send:
 * it would read somebody else's secret.
 */
export function keepSecrets(
  type: ConfigClass<object>,
  input: Config,
  before: Config | null,
): { config: Record<string, unknown>; errors: readonly FieldError[] } {
  const config: Record<string, unknown> = { ...input };
  const errors: FieldError[] = [];
  for (const field of secretFields(type)) {
    const old = before?.[field];
    const sent = input[field];
    const isKept = sent === undefined || isMasked(sent);
    const isMoved = sendersOf(type, field).some((name) => (input[name] ?? null) !== (before?.[name] ?? null));
    if (isKept && isSecretRef(old) && isMoved)
      errors.push({ pointer: `/${field}`, detail: 'was given for another server: send its value, or null' });
    else if (isKept && isSecretRef(old)) config[field] = old;
    else if (isMasked(sent))
      errors.push({ pointer: `/${field}`, detail: 'has no secret to keep: send its value, or null' });
    else if (typeof sent === 'object' && sent !== null)
      errors.push({ pointer: `/${field}`, detail: 'must be text, or null for none' });
  }
  return { config, errors };
}

/** After the check: text becomes a secret, or stays the one of `before` where it is the same. */
export function sealConfig(
  type: ConfigClass<object>,
  input: Config,
  { before, secrets }: { readonly before: Config | null; readonly secrets: Secrets },
): SealedConfig {
  const config: Record<string, unknown> = { ...input };
  const statements: Statement[] = [];
  for (const field of secretFields(type)) {
    const plain = config[field];
    if (typeof plain !== 'string') continue;
    const held = before?.[field];
    const old = isSecretRef(held) ? held : null;
    if (old?.fingerprint === secrets.fingerprint(plain)) {
      config[field] = old;
      continue;
    }
    const { ref, statement } = sealNext(secrets, plain, old);
    config[field] = ref;
    statements.push(statement);
  }
  return { config, statements };
}

import { Rejection, type FieldError } from '#domain/errors';
import type { Env, EnvEntry } from '#domain/workload';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import { isMasked, MASKED, sealNext } from '../records/masked.js';

const KEY = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
const MOST_KEYS = 500;
const MOST_CHARACTERS = 65_536;

/** Variables as they are asked for, ready for a commit; the statements store their secrets. */
export interface SealedEnv {
  readonly env: Env;
  readonly statements: readonly Statement[];
}

interface Entry {
  readonly value?: unknown;
  readonly secret?: unknown;
  readonly optional?: unknown;
}

/** Throws `invalid-env` naming every bad variable. A secret sent back masked, or without value, keeps what `before` has. */
export function sealEnv(input: Readonly<Record<string, unknown>>, before: Env, secrets: Secrets): SealedEnv {
  const errors = Object.entries(input).flatMap(([key, entry]) => entryErrors(key, entry, before));
  if (Object.keys(input).length > MOST_KEYS)
    errors.push({ pointer: '/env', detail: `must hold at most ${MOST_KEYS} variables` });
  if (errors.length > 0) {
    const fields = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
    throw new Rejection('invalid-env', `The environment is not valid: ${fields}.`, errors);
  }
  const sealed = Object.entries(input).map(([key, entry]) => ({
    key,
    ...sealEntry(entry as Entry, before[key], secrets),
  }));
  return {
    env: Object.fromEntries(sealed.map(({ key, entry }) => [key, entry])),
    statements: sealed.flatMap(({ statement }) => statement ?? []),
  };
}

/** What may be shown: a secret reads `{ "$secret": "set" }`. */
export function maskEnv(env: Env): Record<string, object> {
  return Object.fromEntries(
    Object.entries(env).map(([key, entry]) => {
      const isSecret = 'secret' in entry;
      return [key, { value: isSecret ? MASKED : entry.value, secret: isSecret, optional: entry.optional }];
    }),
  );
}

function sealEntry(
  input: Entry,
  before: EnvEntry | undefined,
  secrets: Secrets,
): { entry: EnvEntry; statement?: Statement } {
  const optional = input.optional === true;
  const old = before !== undefined && 'secret' in before ? before.secret : null;
  if (old !== null && keeps(input)) return { entry: { optional, secret: old } };
  const value = String(input.value);
  if (input.secret !== true) return { entry: { optional, value } };
  const { ref, statement } = sealNext(secrets, value, old);
  return { entry: { optional, secret: ref }, statement };
}

function keeps({ value }: Entry): boolean {
  return value === undefined || isMasked(value);
}

function entryErrors(key: string, entry: unknown, before: Env): FieldError[] {
  const pointer = `/env/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const wrong = (detail: string, below = ''): FieldError[] => [{ pointer: pointer + below, detail }];
  if (!KEY.test(key)) return wrong('must be named with letters, digits and "_", not starting with a digit');
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return wrong('must be { "value", "secret"?, "optional"? }');
  const unknown = Object.keys(entry).filter((field) => !['value', 'secret', 'optional'].includes(field));
  const { value, secret = false, optional = false } = entry as Entry;
  if (unknown[0] !== undefined) return wrong('is not a known field', `/${unknown[0]}`);
  if (typeof secret !== 'boolean') return wrong('must be true or false', '/secret');
  if (typeof optional !== 'boolean') return wrong('must be true or false', '/optional');
  const entryBefore = before[key];
  const hadSecret = entryBefore !== undefined && 'secret' in entryBefore;
  if (keeps({ value })) return hadSecret ? [] : wrong('has no secret to keep: send its value', '/value');
  if (typeof value !== 'string' || value.length > MOST_CHARACTERS)
    return wrong(`must be text of at most ${MOST_CHARACTERS} characters`, '/value');
  return [];
}

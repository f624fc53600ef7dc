import { v7 as uuid } from 'uuid';
import { Rejection } from '#domain/errors';
import type { SecretRef } from '#domain/secret-ref';
import { trigger } from '#domain/trigger';
import { onNew, type Operation } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import { hashOf, newSecret } from '../access/secret-hash.js';
import type { Plugins } from '../dependencies.js';
import { isMasked, sealNext } from '../records/masked.js';
import { checkTriggerConfig, checkVendor, requireTriggerKind } from './check-trigger.js';
import type { CreateTrigger } from './trigger.dto.js';

export interface NewTrigger {
  readonly id: string;
  readonly operation: Operation;
  /** Its secrets. */
  readonly statements: readonly Statement[];
}

/** A trigger that is fit to be written, with a webhook URL of its own. Writes nothing. */
export function newTrigger(
  input: CreateTrigger,
  { plugins, secrets }: { plugins: Plugins; secrets: Secrets },
): NewTrigger {
  const { kind, name, config = {}, vendor = null } = input;
  const plugin = requireTriggerKind(plugins, kind);
  checkTriggerConfig(plugin, config);
  const signing = sealSigningSecret(input.signingSecret, null, secrets);
  checkVendor(plugins, vendor, Boolean(signing.ref));
  const url = sealUrlSecret(secrets);
  const id = uuid();
  const settings = {
    name,
    config,
    vendor,
    webhookEnabled: input.webhookEnabled ?? plugin.webhookByDefault,
    signingSecret: signing.ref ?? null,
  };
  const operation = onNew(trigger, id, { type: 'CreateTrigger', id, kind, urlSecret: url.urlSecret, settings });
  return { id, operation, statements: [...url.statements, ...signing.statements] };
}

export function sealUrlSecret(secrets: Secrets) {
  const secret = newSecret();
  const { ref, statement } = secrets.seal(secret);
  return { secret, urlSecret: { hash: hashOf(secret), ref }, statements: [statement] };
}

/** `ref` undefined = as it is, null = none any more. Throws `unknown-secret` when a mask has nothing to keep. */
export function sealSigningSecret(
  input: unknown,
  before: SecretRef | null,
  secrets: Secrets,
): { ref: SecretRef | null | undefined; statements: readonly Statement[] } {
  if (input === undefined || (isMasked(input) && before !== null)) return { ref: undefined, statements: [] };
  if (input === null) return { ref: null, statements: [] };
  if (typeof input !== 'string') {
    throw new Rejection('unknown-secret', 'There is no signing secret to keep. Send its value, or leave it out.', [
      { pointer: '/signingSecret', detail: 'must be text' },
    ]);
  }
  const { ref, statement } = sealNext(secrets, input, before);
  return { ref, statements: [statement] };
}

import { OVERRIDE_LIMIT, utf8Length } from '#domain/binding';
import { Rejection } from '#domain/errors';
import { checkConfig } from '#plugins/config';
import { effectiveOf, type Parts } from '#plugins/effective-config';
import type { Trigger } from '#plugins/trigger';
import type { Plugins } from '../dependencies.js';
import { invalidConfig } from '../workloads/check-workload.js';

/** Throws `unknown-kind` naming those that there are. */
export function requireTriggerKind({ triggers }: Plugins, kind: string): Trigger {
  const trigger = triggers.find((plugin) => plugin.kind === kind);
  if (trigger) return trigger;
  const known = triggers.map((plugin) => plugin.kind).join(', ');
  throw new Rejection('unknown-kind', `There is no trigger of kind "${kind}". Choose one of: ${known}.`, [
    { pointer: '/kind', detail: `must be one of ${known}` },
  ]);
}

/** Throws `invalid-config` naming every bad field. */
export function checkTriggerConfig(trigger: Trigger, config: unknown): void {
  const { errors } = checkConfig(trigger.config, config, '/config');
  if (errors.length > 0) throw invalidConfig(errors);
}

/** Throws `unknown-vendor`, or `invalid-vendor` when the one vendor could never pass with a signing secret. */
export function checkVendor({ vendors }: Plugins, name: string | null, isSigned: boolean): void {
  if (name === null) return;
  const vendor = vendors.find((one) => one.name === name);
  if (!vendor) {
    const known = vendors.map((one) => one.name).join(', ');
    throw new Rejection('unknown-vendor', `There is no vendor "${name}". Choose one of: ${known}.`, [
      { pointer: '/vendor', detail: `must be one of ${known}` },
    ]);
  }
  const empty = { method: 'POST', headers: {}, body: new Uint8Array() };
  if (!isSigned || vendor.verify(empty, 'secret', new Date(0)) !== 'cannot-sign') return;
  throw new Rejection(
    'invalid-vendor',
    `${vendor.title} does not sign its webhooks, so none would pass. Leave out the signing secret.`,
    [{ pointer: '/vendor', detail: 'cannot be used together with a signing secret' }],
  );
}

/** Throws `override-too-large`, or `invalid-override` naming every field that is bad once merged. */
export function checkOverride(parts: Parts): void {
  const bytes = utf8Length(JSON.stringify(parts.override));
  // The decider refuses it as well: here it comes before the fields of a huge one are looked at.
  if (bytes > OVERRIDE_LIMIT) {
    throw new Rejection(
      'override-too-large',
      `The override takes ${bytes} bytes; at most ${OVERRIDE_LIMIT} are kept.`,
      [{ pointer: '/override', detail: `must be at most ${OVERRIDE_LIMIT} bytes of compact UTF-8 JSON` }],
    );
  }
  const { errors } = effectiveOf(parts);
  if (errors.length === 0) return;
  const fields = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  throw new Rejection(
    'invalid-override',
    `Together with the trigger’s config the override is not valid: ${fields}.`,
    errors,
  );
}

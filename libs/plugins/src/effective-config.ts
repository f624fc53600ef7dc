import { mergeOverride, type Override } from '#domain/binding';
import type { FieldError } from '#domain/errors';
import { checkConfig } from './config.js';
import type { Source } from './source.js';
import type { Trigger } from './trigger.js';

/** What a binding's config is made of. */
export interface Parts {
  readonly trigger: Trigger;
  readonly config: Override;
  readonly override: Override;
  /** The source plugin and its config; what a trigger leaves out is the workload's own. */
  readonly source: Source | undefined;
  readonly sourceConfig: Override;
}

export interface Effective {
  readonly config: object;
  readonly errors: readonly FieldError[];
}

/** The config that counts for a binding, and what is wrong with it; pointers lead into the override. */
export function effectiveOf({ trigger, config, override, source, sourceConfig }: Parts): Effective {
  const merged = checkConfig(trigger.config, mergeOverride(config, override), '/override');
  if (merged.errors.length > 0 || source === undefined || trigger.complete === undefined) {
    return { config: merged.value, errors: merged.errors };
  }
  const own = source.own(checkConfig(source.config, sourceConfig).value);
  const completed = trigger.complete(merged.value, own);
  return {
    config: completed,
    errors: checkConfig(trigger.config, structuredClone({ ...completed }), '/override').errors,
  };
}

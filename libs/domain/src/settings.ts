import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

export interface Settings {
  /** Completes a face that names a subdomain only. */
  readonly domain: string | null;
  /** Deployments of one delivery that run at a time. */
  readonly maxTriggerFanOutConcurrency: number;
  /** Successful releases kept per workload. */
  readonly releasesKept: number;
  /** Days that raw bodies are kept. */
  readonly bodyDays: number;
  /** Days that terminal histories are kept; null = for ever. */
  readonly historyDays: number | null;
  /** Bytes that a webhook body may take. */
  readonly maxBodyBytes: number;
}

export const DEFAULT_SETTINGS: Settings = {
  domain: null,
  maxTriggerFanOutConcurrency: 4,
  releasesKept: 5,
  bodyDays: 30,
  historyDays: null,
  maxBodyBytes: 5 * 1024 * 1024,
};

/** The one stream of the settings. */
export const SETTINGS_ID = 'instance';

export type SettingsEvent = DomainEvent & { readonly type: 'SettingsChanged'; readonly data: Partial<Settings> };
export type SettingsCommand = { type: 'ChangeSettings'; changes: Partial<Settings> };

export const settings: Decider<Settings, SettingsCommand, SettingsEvent> = {
  name: 'settings',
  initial: DEFAULT_SETTINGS,
  decide(command, state) {
    const differing = Object.entries(command.changes).filter(
      ([key, value]) => value !== undefined && value !== state[key as keyof Settings],
    );
    const changes = Object.fromEntries(differing) as Partial<Settings>;
    requireBetween(changes, 'maxTriggerFanOutConcurrency', [1, 1000]);
    requireBetween(changes, 'releasesKept', [1, 100]);
    requireBetween(changes, 'bodyDays', [1, 3650]);
    requireBetween(changes, 'historyDays', [1, 36500]);
    requireBetween(changes, 'maxBodyBytes', [1024, 25 * 1024 * 1024]);
    return differing.length === 0 ? [] : [{ type: 'SettingsChanged', data: changes }];
  },
  evolve(state, event) {
    return { ...state, ...event.data };
  },
};

function requireBetween(changes: Partial<Settings>, field: keyof Settings, [low, high]: [number, number]): void {
  const value = changes[field];
  if (typeof value !== 'number' || (value >= low && value <= high)) return;
  throw new Rejection('invalid-setting', `${field} is out of range.`, [
    { pointer: `/${field}`, detail: `must be ${low} to ${high}` },
  ]);
}

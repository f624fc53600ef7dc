import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rejection } from '#domain/errors';
import { DEFAULT_SETTINGS, settings, type Settings } from '#domain/settings';
import { given } from '../../support/spec.js';

const RANGES = {
  maxTriggerFanOutConcurrency: [1, 1000],
  releasesKept: [1, 100],
  bodyDays: [1, 3650],
  historyDays: [1, 36_500],
  maxBodyBytes: [1024, 25 * 1024 * 1024],
} as const;

describe('settings', () => {
  it('hold before anybody set one', () => {
    given(settings, []).state(DEFAULT_SETTINGS);
  });

  it('record only what differs', () => {
    given(settings, [])
      .when({
        type: 'ChangeSettings',
        changes: {
          domain: 'apps.example.org',
          bodyDays: DEFAULT_SETTINGS.bodyDays,
        },
      })
      .then([{ type: 'SettingsChanged', data: { domain: 'apps.example.org' } }])
      .state({ domain: 'apps.example.org', bodyDays: 30 });
  });

  it('set to what they are record nothing', () => {
    given(settings, [])
      .when({ type: 'ChangeSettings', changes: { ...DEFAULT_SETTINGS } })
      .then([]);
    given(settings, [])
      .when({ type: 'ChangeSettings', changes: { domain: undefined } })
      .then([]);
  });

  it('keep history for ever when told null', () => {
    given(settings, [{ type: 'SettingsChanged', data: { historyDays: 90 } }])
      .when({ type: 'ChangeSettings', changes: { historyDays: null } })
      .state({ historyDays: null });
  });

  it.each(Object.entries(RANGES))('%s stays within its range', (field, [low, high]) => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.integer({ min: low - 3, max: low + 3 }),
          fc.integer({ min: high - 3, max: high + 3 }),
          fc.integer(),
        ),
        (value) => {
          expect(isTaken({ [field]: value })).toBe(value >= low && value <= high);
        },
      ),
    );
  });

  it('change all or nothing, and name the bad one', () => {
    given(settings, [])
      .when({ type: 'ChangeSettings', changes: { domain: 'x.org', releasesKept: 0 } })
      .rejects('invalid-setting', ['/releasesKept']);
  });
});

function isTaken(changes: Partial<Settings>): boolean {
  try {
    settings.decide({ type: 'ChangeSettings', changes }, DEFAULT_SETTINGS, {});
    return true;
  } catch (error) {
    if (error instanceof Rejection && error.code === 'invalid-setting') return false;
    throw error;
  }
}

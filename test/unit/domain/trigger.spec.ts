import { describe, it } from 'vitest';
import { trigger, type TriggerCommand, type TriggerSettings } from '#domain/trigger';
import { given } from '../../support/spec.js';
import { LATER, SAMPLES, TRIGGER, secretRef, urlSecret } from './samples.js';

const settings: TriggerSettings = { name: 'hub', config: {}, webhookEnabled: true, vendor: null, signingSecret: null };
const create = (changes: Partial<TriggerSettings> = {}): TriggerCommand => ({
  type: 'CreateTrigger',
  id: TRIGGER,
  kind: 'registry',
  urlSecret: urlSecret(1),
  settings: { ...settings, ...changes },
});
const created = SAMPLES.TriggerCreated;
const deleted = SAMPLES.TriggerDeleted;

describe('creating a trigger', () => {
  it('records its URL secret by hash and reference only', () => {
    given(trigger, [])
      .when(create())
      .then([created])
      .state({ status: 'present', kind: 'registry', urlSecret: urlSecret(1) });
  });

  it('twice is once', () => {
    given(trigger, [created]).when(create()).then([]);
  });

  it.each(['', '   ', 'x'.repeat(101)])('needs a name: %j', (name) => {
    given(trigger, []).when(create({ name })).rejects('invalid-name', ['/name']);
  });
});

describe('changing a trigger', () => {
  it('records only what differs', () => {
    given(trigger, [created])
      .when({
        type: 'ChangeTrigger',
        changes: { name: 'hub', webhookEnabled: false, signingSecret: secretRef('sign') },
      })
      .then([{ type: 'TriggerChanged', data: { webhookEnabled: false, signingSecret: secretRef('sign') } }])
      .state({ webhookEnabled: false, name: 'hub' });
  });

  it('to what it is already records nothing', () => {
    given(trigger, [created]).when({ type: 'ChangeTrigger', changes: settings }).then([]);
  });

  it('leaves alone what is not named', () => {
    given(trigger, [created])
      .when({ type: 'ChangeTrigger', changes: { name: undefined, vendor: undefined } })
      .then([]);
  });

  it('cannot take its name away', () => {
    given(trigger, [created])
      .when({ type: 'ChangeTrigger', changes: { name: ' ' } })
      .rejects('invalid-name');
  });

  it('needs a trigger', () => {
    given(trigger, []).when({ type: 'ChangeTrigger', changes: {} }).rejects('not-found');
    given(trigger, [created, deleted]).when({ type: 'ChangeTrigger', changes: {} }).rejects('not-found');
  });
});

describe('rotating the URL secret', () => {
  it('keeps the old one for the overlap that was asked for', () => {
    given(trigger, [created])
      .when({ type: 'RotateUrlSecret', urlSecret: urlSecret(2), previousUntil: LATER })
      .then([
        {
          type: 'TriggerSecretRotated',
          data: { urlSecret: urlSecret(2), previous: urlSecret(1), previousUntil: LATER },
        },
      ])
      .state({ urlSecret: urlSecret(2) });
  });

  it('twice keeps the one before, not the one before that', () => {
    given(trigger, [created, SAMPLES.TriggerSecretRotated])
      .when({ type: 'RotateUrlSecret', urlSecret: urlSecret(3), previousUntil: LATER })
      .then([
        {
          type: 'TriggerSecretRotated',
          data: { urlSecret: urlSecret(3), previous: urlSecret(2), previousUntil: LATER },
        },
      ]);
  });
});

describe('deleting a trigger', () => {
  it('is done once', () => {
    given(trigger, [created]).when({ type: 'DeleteTrigger' }).then([deleted]).state({ status: 'gone' });
    given(trigger, [created, deleted]).when({ type: 'DeleteTrigger' }).then([]);
  });

  it('does not let it be made again under the same id', () => {
    given(trigger, [created, deleted]).when(create()).then([]);
  });
});

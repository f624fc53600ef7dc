import { describe, it } from 'vitest';
import { registry, type RegistryCommand, type RegistrySettings } from '#domain/registry';
import { given } from '../../support/spec.js';
import { REGISTRY, SAMPLES, secretRef } from './samples.js';

const created = SAMPLES.RegistryCreated;
const deleted = SAMPLES.RegistryDeleted;
const { id: _, ...hub } = created.data;
const create = (changes: Partial<RegistrySettings> = {}): RegistryCommand => ({
  type: 'CreateRegistry',
  id: REGISTRY,
  settings: { ...hub, ...changes },
});

describe('creating a registry record', () => {
  it('holds the password by reference', () => {
    given(registry, []).when(create()).then([created]).state({ status: 'present', settings: hub });
  });

  it('twice is once', () => {
    given(registry, [created])
      .when(create({ name: 'other' }))
      .then([]);
  });

  it('keeps the host in lower case', () => {
    given(registry, [])
      .when(create({ host: 'Registry.Example.ORG:5000' }))
      .state({ settings: { ...hub, host: 'registry.example.org:5000' } });
  });

  it.each(['registry', 'registry.example.org', '127.0.0.1:5000', '[::1]:5000'])('takes the host %s', (host) => {
    given(registry, [])
      .when(create({ host }))
      .state({ settings: { ...hub, host } });
  });

  it.each([
    '',
    'https://hub.example.org',
    'hub.example.org/acme',
    'user@hub',
    'hub:port',
    'hub ',
    '-hub',
    'hub:5000:1',
  ])('refuses the host %j', (host) => {
    given(registry, []).when(create({ host })).rejects('invalid-host', ['/host']);
  });

  it.each(['', ' ', 'x'.repeat(101)])('refuses the name %j', (name) => {
    given(registry, []).when(create({ name })).rejects('invalid-name', ['/name']);
  });
});

describe('changing a registry record', () => {
  it('records only what differs', () => {
    given(registry, [created])
      .when({ type: 'ChangeRegistry', changes: { name: 'hub', password: secretRef('hub', 2) } })
      .then([{ type: 'RegistryChanged', data: { password: secretRef('hub', 2) } }])
      .state({ settings: { ...hub, password: secretRef('hub', 2) } });
  });

  it('to what it is already records nothing', () => {
    given(registry, [created])
      .when({ type: 'ChangeRegistry', changes: { ...hub, host: 'REGISTRY.example.org' } })
      .then([]);
  });

  it('leaves alone what is not named', () => {
    const changes = { name: undefined, host: undefined, insecure: true } as never;
    given(registry, [created])
      .when({ type: 'ChangeRegistry', changes })
      .then([{ type: 'RegistryChanged', data: { insecure: true } }]);
  });

  it('takes the credential away when told so', () => {
    given(registry, [created])
      .when({ type: 'ChangeRegistry', changes: { username: null, password: null } })
      .then([{ type: 'RegistryChanged', data: { username: null, password: null } }]);
  });

  it('checks the host again', () => {
    given(registry, [created])
      .when({ type: 'ChangeRegistry', changes: { host: 'http://x' } })
      .rejects('invalid-host');
  });

  it('needs a record', () => {
    given(registry, []).when({ type: 'ChangeRegistry', changes: {} }).rejects('not-found');
    given(registry, [created, deleted]).when({ type: 'ChangeRegistry', changes: {} }).rejects('not-found');
  });
});

describe('deleting a registry record', () => {
  it('is refused while a workload names it', () => {
    given(registry, [created])
      .when({ type: 'DeleteRegistry', usedBy: ['shop'] })
      .rejects('registry-in-use');
  });

  it('is done once', () => {
    given(registry, [created]).when({ type: 'DeleteRegistry', usedBy: [] }).then([deleted]).state({ status: 'gone' });
    given(registry, [created, deleted]).when({ type: 'DeleteRegistry', usedBy: [] }).then([]);
  });

  it('needs one', () => {
    given(registry, []).when({ type: 'DeleteRegistry', usedBy: [] }).rejects('not-found');
  });
});

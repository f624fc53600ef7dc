import { describe, expect, it } from 'vitest';
import { ROLES, isAtLeast } from '#domain/access';
import { person } from '#domain/person';
import { token, type TokenCommand } from '#domain/token';
import { given } from '../../support/spec.js';
import { AT, LATER, SAMPLES } from './samples.js';

describe('roles', () => {
  it('each do what the ones before them do, and no more', () => {
    for (const [mine, role] of ROLES.entries()) {
      for (const [needed, other] of ROLES.entries()) expect(isAtLeast(role, other)).toBe(mine >= needed);
    }
  });
});

describe('a person', () => {
  const create = (name: string) => ({ type: 'CreatePerson', id: 'p1', role: 'admin', name }) as const;

  it('is recorded without the name, which is personal data', () => {
    given(person, [])
      .when(create('Ada'))
      .then([{ type: 'PersonCreated', data: { id: 'p1', role: 'admin' } }])
      .state({ status: 'present', role: 'admin' });
  });

  it('is created once', () => {
    given(person, [SAMPLES.PersonCreated]).when(create('Eve')).then([]);
  });

  it.each(['', ' ', 'x'.repeat(101)])('is not called %j', (name) => {
    given(person, []).when(create(name)).rejects('invalid-name', ['/name']);
  });
});

describe('a token', () => {
  const create = (expiresAt: string | null): TokenCommand => ({
    type: 'CreateToken',
    id: 't1',
    hash: 'h',
    prefix: 'tf_abc',
    settings: { name: 'ci', role: 'deployer', workloadIds: null, expiresAt },
    at: AT,
  });
  const created = SAMPLES.TokenCreated;
  const revoked = SAMPLES.TokenRevoked;

  it('is recorded by its hash and its first characters', () => {
    given(token, []).when(create(null)).then([created]).state({ status: 'present' });
  });

  it('is created once', () => {
    given(token, [created]).when(create(null)).then([]);
    given(token, [created, revoked]).when(create(null)).then([]);
  });

  it('may expire later', () => {
    given(token, []).when(create(LATER)).state({ status: 'present' });
  });

  it.each([AT, '2026-03-01T12:00:00Z', '2026-03-01T13:00:00.000+02:00', '2020-01-01T00:00:00.000Z', 'soon'])(
    'may not be expired from the start: %s',
    (expiresAt) => {
      given(token, []).when(create(expiresAt)).rejects('invalid-expiry', ['/expiresAt']);
    },
  );

  it('is revoked once, for ever', () => {
    given(token, [created]).when({ type: 'RevokeToken' }).then([revoked]).state({ status: 'revoked' });
    given(token, [created, revoked]).when({ type: 'RevokeToken' }).then([]);
    given(token, []).when({ type: 'RevokeToken' }).rejects('not-found');
  });
});

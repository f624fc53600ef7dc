import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Reflector } from '@nestjs/core';
import { ROLES } from '#domain/access';
import { NEEDS, type Policy } from '../../../apps/api/src/access/needs.js';
import { CONTROLLERS } from '../../../apps/api/src/api.module.js';
import { OpenApi } from '../../../apps/api/src/openapi/open-api.js';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const NOWHERE = '01980000-0000-7000-8000-000000000000';
type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
const METHODS: readonly string[] = ['get', 'post', 'put', 'patch', 'delete'];

interface Route {
  readonly method: Method;
  readonly path: string;
  readonly needs: Policy['role'];
}

/** Every route that Nest serves, as the description has it. */
function routes(): Route[] {
  const { paths } = api.app.get(OpenApi).document();
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Answer>)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({
        method: method as Method,
        path: path.replaceAll(/\{[^}]+\}/g, NOWHERE),
        needs: operation['x-needs'],
      })),
  );
}

test('every handler has a policy', () => {
  const reflector = api.app.get(Reflector);
  const handlers = CONTROLLERS.flatMap((controller) =>
    Object.getOwnPropertyNames(controller.prototype)
      .filter((name) => name !== 'constructor' && Reflect.hasMetadata('path', controller.prototype[name as never]))
      .map((name) => ({
        name: `${controller.name}.${name}`,
        policy: reflector.get<Policy>(NEEDS, controller.prototype[name as never]),
      })),
  );
  expect(handlers.length).toBeGreaterThan(40);
  expect(handlers.filter(({ policy }) => policy === undefined)).toEqual([]);
  expect(routes()).toHaveLength(handlers.length);
});

test('no route answers a stranger, and none a role below its own', async () => {
  const tokens = Object.fromEntries(
    await Promise.all(ROLES.map(async (role) => [role, await api.token(role)] as const)),
  );
  const all = routes();
  expect(
    all
      .filter(({ needs }) => needs === 'nobody')
      .map(({ method, path }) => `${method} ${path}`)
      .sort(),
  ).toEqual(['delete /api/session', 'post /api/session', 'post /api/setup']);
  for (const { method, path, needs } of all) {
    if (needs === 'nobody') continue;
    for (const token of [null, 'tf_wrong', `${'x'.repeat(40)}`]) {
      const answer = await api.call(method, path, undefined, { token });
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    const below = ROLES[ROLES.indexOf(needs) - 1];
    if (below) expectProblem(await api.call(method, path, undefined, { token: tokens[below] }), 403, 'role-too-low');
  }
});

test('the same door by other spellings is no other door', async () => {
  for (const path of [
    '/api/workloads/',
    '//api/workloads',
    '/API/workloads',
    '/api/./workloads',
    '/api/%77orkloads',
    '/api;/workloads',
  ]) {
    const answer = await api.call('get', path, undefined, { token: null });
    expect([401, 404], `${path} → ${answer.status}`).toContain(answer.status);
  }
  const head = await fetch(`${api.url}/api/workloads`, { method: 'HEAD' });
  expect(head.status).toBe(401);
  expect((await fetch(`${api.url}/api/workloads?token=test-admin-token-0123456789`)).status).toBe(401);
});

test('routes of the predecessor are gone', async () => {
  for (const path of ['/api/projects', '/api/stacks', '/api/sites', '/api/stages', '/api/webhook/workloads/x']) {
    expectProblem(await api.call('get', path), 404, 'not-found');
    expectProblem(await api.call('post', path, {}), 404, 'not-found');
  }
});

describe('tokens', () => {
  test('are shown once, listed without, and stop at once when revoked', async () => {
    const made = (await api.call('post', '/api/tokens', { name: 'ci', role: 'deployer' }).expect(201)).body;
    expect(made.token).toMatch(/^tf_[A-Za-z0-9_-]{43}$/);
    expect(made.prefix).toBe(made.token.slice(0, 8));
    const me = await api.call('get', '/api/me', undefined, { token: made.token }).expect(200);
    expect(me.body).toEqual({ id: made.id, kind: 'token', name: 'ci', role: 'deployer', workloadIds: null });
    const listed = await api.call('get', '/api/tokens').expect(200);
    expect(JSON.stringify(listed.body)).not.toContain(made.token.slice(8));
    expect(listed.body.items.some((row: Answer) => 'hash' in row)).toBe(false);
    const { rows } = await api.opened.store.pool.query(`select string_agg(body, '') as log from log.event`);
    expect(rows[0].log).not.toContain(made.token);
    expectProblem(await api.call('post', '/api/tokens', { name: 'ci', role: 'viewer' }), 409, 'name-taken');
    await api.call('delete', `/api/tokens/${made.id}`).expect(204);
    expectProblem(await api.call('get', '/api/me', undefined, { token: made.token }), 401, 'unauthenticated');
    expectProblem(await api.call('delete', `/api/tokens/${NOWHERE}`), 404, 'not-found');
  });

  test('expire', async () => {
    const made = (
      await api.call('post', '/api/tokens', {
        name: 'short',
        role: 'viewer',
        expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      })
    ).body;
    await api.call('get', '/api/me', undefined, { token: made.token }).expect(200);
    await api.opened.store.pool.query(`update view.token set expires_at = now() - interval '1 second' where id = $1`, [
      made.id,
    ]);
    expectProblem(await api.call('get', '/api/me', undefined, { token: made.token }), 401, 'unauthenticated');
    expectProblem(
      await api.call('post', '/api/tokens', { name: 'late', role: 'viewer', expiresAt: '2020-01-01T00:00:00Z' }),
      400,
      'invalid-expiry',
      ['/expiresAt'],
    );
    expectProblem(await api.call('post', '/api/tokens', { name: 'odd', role: 'owner' }), 400, 'invalid-body', [
      '/role',
    ]);
    expectProblem(
      await api.call('post', '/api/tokens', { name: 'none', role: 'viewer', workloadIds: [] }),
      400,
      'invalid-body',
      ['/workloadIds'],
    );
  });

  test('for one workload know nothing of the others', async () => {
    const [mine, other] = [await api.workload(), await api.workload()];
    const token = await api.token('editor', [mine['id']]);
    expect(
      (await api.call('get', '/api/workloads', undefined, { token }).expect(200)).body.items.map(
        (row: Answer) => row['id'],
      ),
    ).toEqual([mine['id']]);
    await api.call('get', `/api/workloads/${mine['id']}`, undefined, { token }).expect(200);
    await api.call('patch', `/api/workloads/${mine['id']}`, { title: 'mine' }, { token }).expect(200);
    const bound = (
      await api.call('post', `/api/workloads/${other['id']}/triggers`, { kind: 'manual', name: 'theirs' }).expect(201)
    ).body;
    const hidden: [Method, string][] = [
      ...[
        '',
        '/containers',
        '/chain',
        '/deployments',
        '/releases',
        '/history',
        '/plan',
        '/env',
        '/triggers',
        '/diff?from=0&to=1',
        '?version=1',
      ].map((below): [Method, string] => ['get', `/api/workloads/${other['id']}${below}`]),
      ['patch', `/api/workloads/${other['id']}`],
      ['delete', `/api/workloads/${other['id']}`],
      ['post', `/api/workloads/${other['id']}/deploy`],
      ['post', `/api/workloads/${other['id']}/hold`],
      ['delete', `/api/workloads/${other['id']}/hold`],
      ['put', `/api/workloads/${other['id']}/env`],
      ['get', `/api/bindings/${bound.id}`],
      ['get', `/api/bindings/${bound.id}/effective`],
      ['patch', `/api/bindings/${bound.id}`],
      ['delete', `/api/bindings/${bound.id}`],
    ];
    for (const [method, path] of hidden)
      expectProblem(await api.call(method, path, method === 'get' ? undefined : {}, { token }), 404, 'not-found');
    const events = (await api.call('get', '/api/events?limit=200', undefined, { token }).expect(200)).body.items;
    expect(events.every((event: Answer) => event['workloadIds'].includes(mine['id']))).toBe(true);
    for (const path of ['/api/triggers', '/api/registries', '/api/settings']) {
      expectProblem(await api.call('get', path, undefined, { token }), 403, 'forbidden');
    }
    expectProblem(await api.call('post', '/api/workloads', {}, { token }), 403, 'forbidden');
  });
});

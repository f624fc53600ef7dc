import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRegistry } from '../../support/registry.js';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const NOWHERE = '01980000-0000-7000-8000-000000000000';

describe('registries', () => {
  test('keep their password to themselves', async () => {
    const made = (
      await api
        .call('post', '/api/registries', {
          name: 'company',
          host: 'Registry.example.org:5000',
          username: 'ci',
          password: 'hunter2',
        })
        .expect(201)
    ).body;
    expect(made).toMatchObject({
      name: 'company',
      host: 'registry.example.org:5000',
      username: 'ci',
      password: { $secret: 'set' },
      kind: 'distribution',
      insecure: false,
    });
    const kept = await api
      .call('patch', `/api/registries/${made.id}`, { username: 'bot', password: { $secret: 'set' } })
      .expect(200);
    expect(kept.body).toMatchObject({ username: 'bot', password: { $secret: 'set' } });
    const everything = await Promise.all(
      ['/api/registries', `/api/registries/${made.id}`, '/api/events?limit=200'].map((path) =>
        api.call('get', path).expect(200),
      ),
    );
    expect(everything.map(({ text }) => text).join()).not.toContain('hunter2');
    const { rows } = await api.opened.store.pool.query('select password from view.registry where id = $1', [made.id]);
    expect(await api.opened.secrets.open(rows[0].password)).toBe('hunter2');
    expect(
      (await api.call('patch', `/api/registries/${made.id}`, { password: null }).expect(200)).body.password,
    ).toBeNull();
    expectProblem(
      await api.call('patch', `/api/registries/${made.id}`, { password: { $secret: 'set' } }),
      400,
      'unknown-secret',
      ['/password'],
    );
  });

  test('are refused with a bad host, a taken name, an unknown field', async () => {
    await api.call('post', '/api/registries', { name: 'twice', host: 'a.example.org' }).expect(201);
    expectProblem(
      await api.call('post', '/api/registries', { name: 'twice', host: 'b.example.org' }),
      409,
      'name-taken',
    );
    expectProblem(await api.call('post', '/api/registries', { name: 'x', host: 'https://a/b' }), 400, 'invalid-host', [
      '/host',
    ]);
    expectProblem(await api.call('post', '/api/registries', { name: 'x', host: 'a', url: 'b' }), 400, 'unknown-field', [
      '/url',
    ]);
    expectProblem(await api.call('post', '/api/registries', { name: 'x' }), 400, 'invalid-body', ['/host']);
    expectProblem(await api.call('get', `/api/registries/${NOWHERE}`), 404, 'not-found');
  });

  test('stay while a workload names them', async () => {
    const made = (await api.call('post', '/api/registries', { name: 'used', host: 'used.example.org' }).expect(201))
      .body;
    const user = await api.workload({ sourceConfig: { image: 'used.example.org/a', registryName: 'used' } });
    const refused = await api.call('delete', `/api/registries/${made.id}`);
    expectProblem(refused, 409, 'registry-in-use');
    expect(refused.body.detail).toContain(user['name']);
    await api
      .call('patch', `/api/workloads/${user['id']}`, { sourceConfig: { image: 'used.example.org/a' } })
      .expect(200);
    await api.call('delete', `/api/registries/${made.id}`).expect(204);
  });

  test('are tested by logging in', async () => {
    const registry = await startRegistry({ auth: { username: 'ci', password: 'hunter2' } });
    try {
      const made = (
        await api
          .call('post', '/api/registries', {
            name: 'real',
            host: registry.host,
            username: 'ci',
            password: 'hunter2',
            insecure: true,
          })
          .expect(201)
      ).body;
      expect((await api.call('post', `/api/registries/${made.id}/test`).expect(200)).body).toEqual({
        ok: true,
        milliseconds: expect.any(Number),
      });
      await api.call('patch', `/api/registries/${made.id}`, { password: 'wrong' }).expect(200);
      const refused = await api.call('post', `/api/registries/${made.id}/test`);
      expectProblem(refused, 502, 'registry-denied');
      expect(refused.text).not.toContain('wrong"');
    } finally {
      await registry.stop();
    }
    const down = (
      await api.call('post', '/api/registries', { name: 'down', host: '127.0.0.1:1', insecure: true }).expect(201)
    ).body;
    expectProblem(await api.call('post', `/api/registries/${down.id}/test`), 502, 'registry-unreachable');
  });

  test('say why a test failed: no login, no answer, an address that is not allowed', async () => {
    const registry = await startRegistry({ auth: { username: 'ci', password: 'hunter2' } });
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const made = async (name: string, host: string, more: object = { insecure: true }): Promise<string> =>
      (await api.call('post', '/api/registries', { name, host, ...more }).expect(201)).body.id;
    const test = async (id: string) => api.call('post', `/api/registries/${id}/test`);
    try {
      const anonymous = await test(await made('anonymous', registry.host));
      expectProblem(anonymous, 502, 'registry-denied');
      const mute = await test(await made('mute', `127.0.0.1:${(silent.address() as AddressInfo).port}`));
      expectProblem(mute, 502, 'registry-unreachable');
      expect(mute.body.detail).toContain('5 s');
      // https to what speaks plain http.
      const secure = await test(await made('secure', registry.host, {}));
      expect(secure.status).toBe(502);
      const unknown = await test(await made('unknown', 'registry.invalid', {}));
      expectProblem(unknown, 502, 'registry-unreachable');
    } finally {
      silent.close();
      await registry.stop();
    }
    expectProblem(await test(NOWHERE), 404, 'not-found');
    const token = await api.token('viewer');
    expectProblem(await api.call('post', `/api/registries/${NOWHERE}/test`, undefined, { token }), 403, 'role-too-low');
  });
});

test('settings have defaults, limits and a version', async () => {
  const before = await api.call('get', '/api/settings').expect(200);
  expect(before.body).toEqual({
    domain: null,
    acme: { directory: 'https://acme-v02.api.letsencrypt.org/directory' },
    maxTriggerFanOutConcurrency: 4,
    releasesKept: 5,
    logDays: 14,
    bodyDays: 30,
    historyDays: null,
    maxBodyBytes: 5_242_880,
    volumeBase: null,
    allowedVolumePaths: [],
    allowedNamedVolumes: [],
    allowedProviderHosts: [],
    baseImages: { static: 'docker.io/library/caddy:2', deno: 'docker.io/denoland/deno:2.9.6' },
    version: 0,
  });
  const changed = await api
    .call('patch', '/api/settings', { maxTriggerFanOutConcurrency: 8, historyDays: 90 })
    .expect(200);
  expect(changed.body).toMatchObject({ maxTriggerFanOutConcurrency: 8, historyDays: 90, releasesKept: 5, version: 1 });
  expect(changed.headers['etag']).toBe('"1"');
  expectProblem(
    await api.call('patch', '/api/settings', { releasesKept: 1 }, { headers: { 'if-match': '"0"' } }),
    412,
    'precondition-failed',
  );
  expectProblem(await api.call('patch', '/api/settings', { releasesKept: 0 }), 400, 'invalid-setting', [
    '/releasesKept',
  ]);
  expectProblem(await api.call('patch', '/api/settings', { releasesKept: '7' }), 400, 'invalid-body', [
    '/releasesKept',
  ]);
  expectProblem(await api.call('patch', '/api/settings', { domain: 'a b' }), 400, 'invalid-body', ['/domain']);
  expectProblem(await api.call('patch', '/api/settings', { acme: null }), 400, 'invalid-body', ['/acme']);
  for (const directory of ['http://acme.example.org/', 'letsencrypt', 'https://a.org/{env.HOME}', 'https://u:p@a.org/'])
    expectProblem(await api.call('patch', '/api/settings', { acme: { directory } }), 400, 'invalid-setting', [
      '/acme/directory',
    ]);
  expect((await api.call('patch', '/api/settings', { acme: { directory: 'internal' } }).expect(200)).body.acme).toEqual(
    {
      directory: 'internal',
    },
  );
  expectProblem(await api.call('patch', '/api/settings', { adminToken: 'x' }), 400, 'unknown-field', ['/adminToken']);
  expect((await api.call('patch', '/api/settings', { historyDays: null }).expect(200)).body.historyDays).toBeNull();
});

test('plugins show the shape of their config, whole, and a sample that fits it', async () => {
  const { sources, triggers, vendors } = (await api.call('get', '/api/plugins').expect(200)).body;
  const image = sources.find(({ kind }: Answer) => kind === 'image');
  expect(image.schema).toMatchObject({
    type: 'object',
    required: expect.arrayContaining(['image']),
    properties: {
      port: { type: ['integer', 'null'], maximum: 65_535 },
      hooks: { type: 'object', properties: { preDeploy: {} } },
    },
  });
  expect(JSON.stringify([sources, triggers])).not.toContain('$ref');
  expect(triggers.map(({ kind }: Answer) => kind)).toEqual(expect.arrayContaining(['registry', 'manual']));
  expect(vendors).toContainEqual({ kind: 'github', title: 'GitHub' });
  await api
    .call('post', '/api/workloads', { name: 'sample', sourceKind: 'image', sourceConfig: image.sample })
    .expect(201);
  for (const { kind, sample } of triggers)
    await api.call('post', '/api/triggers', { kind, name: 'sample', config: sample }).expect(201);
});

describe('Idempotency-Key', () => {
  const post = (key: string, path: string, body: object) =>
    api.call('post', path, body, { headers: { 'idempotency-key': key } });
  const workload = (name: string) => ({ name, sourceKind: 'image', sourceConfig: { image: 'a' } });

  test('answers the first answer again, and nothing else', async () => {
    const first = await post('k-1', '/api/workloads', workload('once'));
    expect(first.status).toBe(201);
    const again = await post('k-1', '/api/workloads', workload('once'));
    expect({ status: again.status, body: again.body, etag: again.headers['etag'] }).toEqual({
      status: 201,
      body: first.body,
      etag: first.headers['etag'],
    });
    expectProblem(await post('k-1', '/api/workloads', workload('other')), 422, 'idempotency-key-reused');
    expectProblem(await post('a b', '/api/workloads', workload('other')), 400, 'invalid-idempotency-key');
    const other = await api.call('post', '/api/workloads', workload('theirs'), {
      token: await api.token('editor'),
      headers: { 'idempotency-key': 'k-1' },
    });
    expect(other.status).toBe(201);
  });

  test('does the work once, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post('k-2', '/api/triggers', { kind: 'manual', name: 'at once' })),
    );
    const good = answers.filter(({ status }) => status === 201);
    expect(good.length).toBeGreaterThan(0);
    answers
      .filter(({ status }) => status !== 201)
      .forEach((answer) => expectProblem(answer, 409, 'request-in-progress'));
    expect((await api.call('get', '/api/triggers?q=at%20once')).body.items).toHaveLength(1);
  });

  test('keeps no refusal and no secret', async () => {
    expectProblem(
      await post('k-3', '/api/workloads', { ...workload('later'), sourceKind: 'vm' }),
      400,
      'unknown-source',
    );
    await post('k-3', '/api/workloads', workload('later')).expect(201);
    const token = (await post('k-4', '/api/tokens', { name: 'keyed', role: 'viewer' }).expect(201)).body.token;
    expectProblem(await post('k-4', '/api/tokens', { name: 'keyed', role: 'viewer' }), 409, 'already-issued');
    const { rows } = await api.opened.store.pool.query('select body, headers from state.idempotency_key');
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});

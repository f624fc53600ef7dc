import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSetupCode, createSetupLink } from '../../../apps/api/src/access/setup-code.js';
import { expectProblem, startTestApi, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const PASSWORD = 'correct horse battery';
const anonymous = { token: null };

function cookieOf(headers: Record<string, unknown>): string {
  const [cookie] = headers['set-cookie'] as string[];
  expect(cookie).toMatch(/^tinyforge=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  return cookie!.split(';')[0]!;
}

test('setting up takes the newest code, once, and gives the first admin, a session and a token', async () => {
  const link = await createSetupLink(api.opened.store, 'http://forge');
  const stale = link!.split('#code=')[1]!;
  const code = (await createSetupCode(api.opened.store))!;
  expect(Buffer.from(code, 'base64url')).toHaveLength(32);
  const setUp = (body: object) =>
    api.call('post', '/api/setup', { name: 'Ada', password: PASSWORD, ...body }, anonymous);

  expectProblem(await setUp({ code: stale }), 400, 'invalid-code', ['/code']);
  expectProblem(await setUp({ code, password: 'short' }), 400, 'weak-password', ['/password']);
  expectProblem(await setUp({ code, name: ' ' }), 400, 'invalid-name', ['/name']);
  expectProblem(await setUp({ code, role: 'admin' }), 400, 'unknown-field', ['/role']);
  const elsewhere = await api.call(
    'post',
    '/api/setup',
    { code, name: 'Eve', password: PASSWORD },
    { ...anonymous, headers: { origin: 'https://evil.example' } },
  );
  expectProblem(elsewhere, 403, 'origin-refused');

  const [first, second] = await Promise.all([setUp({ code }), setUp({ code })]);
  const [good, bad] = first.status === 201 ? [first, second] : [second, first];
  expect(good.status, JSON.stringify(good.body)).toBe(201);
  expectProblem(bad, 400, 'invalid-code');
  expect(good.body).toMatchObject({ name: 'Ada', role: 'admin', token: expect.stringMatching(/^tf_/) });
  const me = await api
    .call('get', '/api/me', undefined, { token: null, headers: { cookie: cookieOf(good.headers) } })
    .expect(200);
  expect(me.body).toEqual({ id: good.body.id, kind: 'person', name: 'Ada', role: 'admin', workloadIds: null });
  await api.call('get', '/api/tokens', undefined, { token: good.body.token }).expect(200);
  expect(await createSetupCode(api.opened.store)).toBeNull();

  const { rows } = await api.opened.store.pool.query(`select string_agg(body, '') as log from log.event`);
  for (const personal of ['Ada', PASSWORD, code, good.body.token]) expect(rows[0].log).not.toContain(personal);
});

describe('signing in', () => {
  test('by name and password, then a write only from our own pages', async () => {
    const signedIn = await api.call('post', '/api/session', { name: 'ada', password: PASSWORD }, anonymous).expect(200);
    expect(signedIn.body).toMatchObject({ kind: 'person', name: 'Ada', role: 'admin' });
    const cookie = cookieOf(signedIn.headers);
    const write = (headers: Record<string, string>) =>
      api.call('patch', '/api/settings', { releasesKept: 6 }, { token: null, headers: { cookie, ...headers } });
    expectProblem(await write({}), 403, 'origin-refused');
    expectProblem(await write({ origin: 'https://evil.example' }), 403, 'origin-refused');
    expectProblem(await write({ origin: 'null' }), 403, 'origin-refused');
    const host = new URL(api.url).host;
    expect((await write({ origin: `http://${host}`, host })).status).toBe(200);

    const out = await api.call('delete', '/api/session', undefined, {
      token: null,
      headers: { cookie, origin: `http://${host}`, host },
    });
    expect(out.status).toBe(204);
    expect(out.headers['set-cookie']![0]).toContain('Max-Age=0');
    expectProblem(
      await api.call('get', '/api/me', undefined, { token: null, headers: { cookie } }),
      401,
      'unauthenticated',
    );
  });

  test('by token, which ends the session when it is revoked', async () => {
    const made = (await api.call('post', '/api/tokens', { name: 'console', role: 'viewer' }).expect(201)).body;
    const signedIn = await api.call('post', '/api/session', { token: made.token }, anonymous).expect(200);
    const headers = { cookie: cookieOf(signedIn.headers) };
    await api.call('get', '/api/me', undefined, { token: null, headers }).expect(200);
    await api.call('delete', `/api/tokens/${made.id}`).expect(204);
    expectProblem(await api.call('get', '/api/me', undefined, { token: null, headers }), 401, 'unauthenticated');
  });

  test('is refused alike for a wrong password and for nobody, and after ten tries for a while', async () => {
    const signIn = (name: string, password: string) => api.call('post', '/api/session', { name, password }, anonymous);
    const [wrong, nobody] = [await signIn('Ada', 'wrong password'), await signIn('Bob', 'wrong password')];
    expectProblem(wrong, 401, 'bad-credentials');
    expectProblem(nobody, 401, 'bad-credentials');
    expect(nobody.body.detail).toBe(wrong.body.detail);
    expectProblem(await api.call('post', '/api/session', { token: 'tf_nothing' }, anonymous), 401, 'bad-credentials');
    expectProblem(await api.call('post', '/api/session', {}, anonymous), 400, 'invalid-body');
    for (let tries = 1; tries < 10; tries++) await signIn('Bob', 'wrong password');
    const late = await signIn('Bob', 'wrong password');
    expectProblem(late, 429, 'too-many-requests');
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    await signIn('Ada', PASSWORD).expect(200);
  });
});

test('over https the cookie is bound to its host', async () => {
  const secure = await startTestApi({ env: { TINYFORGE_PUBLIC_URL: 'https://forge.example.org' } });
  try {
    const answer = await secure.call(
      'post',
      '/api/session',
      { token: 'test-admin-token-0123456789' },
      { token: null, headers: { origin: 'https://forge.example.org' } },
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']![0]).toMatch(
      /^__Host-tinyforge=.*; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+; Secure$/,
    );
  } finally {
    await secure.stop();
  }
});

test('the setup page holds no inline script, and the policy allows none', async () => {
  const page = await api.call('get', '/setup', undefined, anonymous).expect(200);
  expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=/);
  const policy = page.headers['content-security-policy']!;
  expect(policy).toContain("default-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  for (const path of [
    '/setup/setup.js',
    '/setup/setup.css',
    '/docs',
    '/docs/docs.js',
    '/docs/swagger-ui.js',
    '/docs/swagger-ui.css',
    '/api/docs',
  ]) {
    await api.call('get', path, undefined, anonymous).expect(200);
  }
});

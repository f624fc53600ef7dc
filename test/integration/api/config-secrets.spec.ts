import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectProblem, startTestApi, type Api } from './fixture.js';

const TOKEN = 'CANARY-config-token-5d20';
const SET = { $secret: 'set' };
const SITE = { provider: 'github', repoOwner: 'acme', repoName: 'site', accessToken: TOKEN };

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

async function create(name: string, sourceConfig: object) {
  return await api.call('post', '/api/workloads', { name, sourceKind: 'static', sourceConfig });
}

async function made(name: string): Promise<string> {
  const answer = await create(name, SITE);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body.id as string;
}

test('a secret of a config is never shown again, neither in an answer nor in an event', async () => {
  const id = await made('hidden');
  const texts = await Promise.all(
    [`/api/workloads/${id}`, '/api/workloads', '/api/events?limit=200', `/api/workloads/${id}/history`].map(
      async (path) => JSON.stringify((await api.call('get', path)).body),
    ),
  );
  expect(JSON.parse(texts[0]!).sourceConfig.accessToken).toEqual(SET);
  expect(texts.join('')).not.toContain(TOKEN);
});

test('left out or sent back masked it stays, and null takes it away', async () => {
  const id = await made('kept');
  const patch = async (sourceConfig: object) => {
    const answer = await api.call('patch', `/api/workloads/${id}`, { sourceConfig });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body.sourceConfig.accessToken as unknown;
  };
  const { accessToken: _, ...without } = SITE;
  expect(await patch({ ...without, branch: 'live' })).toEqual(SET);
  expect(await patch({ ...SITE, accessToken: SET })).toEqual(SET);
  expect(await patch({ ...SITE, accessToken: null })).toBeNull();
  expectProblem(
    await api.call('patch', `/api/workloads/${id}`, { sourceConfig: { ...SITE, accessToken: SET } }),
    400,
    'invalid-config',
    ['/sourceConfig/accessToken'],
  );
});

test.each([
  ['the ref of another secret', { secretId: '01980000-0000-7000-8000-000000000000', version: 1, fingerprint: 'f' }],
  ['a mask of nothing', SET],
  ['text of two lines', 'two\r\nx-injected: 1'],
  ['nothing', ''],
])('%s is refused', async (_what, accessToken) => {
  expectProblem(await create('refused', { ...SITE, accessToken }), 400, 'invalid-config', [
    '/sourceConfig/accessToken',
  ]);
});

test('a secret is not kept for another server than the one it was given for', async () => {
  const id = await made('moved');
  const { accessToken: _, ...without } = SITE;
  for (const accessToken of [undefined, SET]) {
    const sourceConfig = { ...without, baseUrl: 'https://elsewhere.example.org', accessToken };
    const answer = await api.call('patch', `/api/workloads/${id}`, { sourceConfig });
    expectProblem(answer, 400, 'invalid-config', ['/sourceConfig/accessToken']);
  }
  const fresh = { ...without, baseUrl: 'https://elsewhere.example.org', accessToken: 'a-token-of-that-one' };
  expect((await api.call('patch', `/api/workloads/${id}`, { sourceConfig: fresh })).status).toBe(200);
});

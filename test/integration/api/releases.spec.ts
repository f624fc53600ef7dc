import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { v7 as uuid } from 'uuid';
import { deployment } from '#domain/deployment';
import { workload } from '#domain/workload';
import { compareViews } from '#store/compare-views';
import { on } from '#store/operation';
import { pruneReleases } from '#store/prune-releases';
import { requestRollback } from '#store/request-rollback';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';
import { ask, claim, deployed, digestOf, failDeployment, serve } from './serve.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api?.stop());

const NOWHERE = '01980000-0000-7000-8000-000000000000';
const BY_TEST = { actor: 'system:test', correlationId: 'test' };

let id: string;
beforeEach(async () => {
  id = (await api.workload())['id'] as string;
});

const read = async (path = ''): Promise<Answer> =>
  (await api.call('get', `/api/workloads/${id}${path}`).expect(200)).body;
const releases = async (): Promise<Answer[]> => (await read('/releases'))['items'];
const roll = (body: object = {}) => api.call('post', `/api/workloads/${id}/rollback`, body);
const prune = () => pruneReleases(api.opened.store, 'system:test', id);
const pin = (method: 'put' | 'delete', deployment: string) =>
  api.call(method, `/api/workloads/${id}/releases/${deployment}/pin`);

/** Rolls back over the API, and the worker does it. */
async function rolledBack(body: object = {}): Promise<Answer> {
  const answer = await roll(body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  await serve(api, answer.body.id);
  return answer.body;
}

describe('POST /api/workloads/{id}/rollback', () => {
  test('brings back the whole release before, and holds triggers in the same commit', async () => {
    const host = `${id}.example.org`;
    await api.call('patch', `/api/workloads/${id}`, { faces: [{ host }] }).expect(200);
    await api.call('put', `/api/workloads/${id}/env`, { MODE: { value: 'old' }, KEY: { value: 's', secret: true } });
    const first = await deployed(api, id, 1);
    await api.call('put', `/api/workloads/${id}/env`, { MODE: { value: 'new' } }).expect(200);
    const config = { image: 'registry.example.org/acme/shop', port: 9090 };
    await api.call('patch', `/api/workloads/${id}`, { faces: [], sourceConfig: config }).expect(200);
    const second = await deployed(api, id, 2);

    const answer = await roll({ reason: 'checkout is broken' });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body).toMatchObject({
      workloadId: id,
      status: 'waiting',
      reason: 'rollback',
      note: 'checkout is broken',
      restores: first,
      release: {
        artifact: { digest: digestOf(1) },
        config: { port: 8080 },
        faces: [{ host }],
        env: { MODE: { value: 'old' }, KEY: { value: { $secret: 'set' } } },
      },
    });
    const held = await read();
    expect(held['hold'].reason).toContain(`deployment ${answer.body.id}`);
    // What is configured is as it was: the next deployment by hand uses it.
    expect(held).toMatchObject({ faces: [], sourceConfig: { port: 9090 }, currentDeploymentId: second });
    const events = (await api.call('get', `/api/workloads/${id}/history`).expect(200)).body.items;
    const requested = (await api.call('get', `/api/deployments/${answer.body.id}`)).body;
    expect(events[0]).toMatchObject({ type: 'HoldSet', correlationId: requested.correlationId });

    await serve(api, answer.body.id);
    expect(await read()).toMatchObject({
      currentDeploymentId: answer.body.id,
      currentArtifact: { digest: digestOf(1) },
    });
    const byHand = (await api.call('post', `/api/workloads/${id}/deploy`, { digest: digestOf(3) }).expect(202)).body;
    expect(byHand.release).toMatchObject({ config: { port: 9090 }, faces: [], env: { MODE: { value: 'new' } } });
  });

  test('by default goes one further back each time, never to what was rolled away from', async () => {
    const [first, second, third] = [await deployed(api, id, 1), await deployed(api, id, 2), await deployed(api, id, 3)];
    const away = async (from: string) => {
      const back = await rolledBack();
      await api.opened.store.commit([on(deployment, from, { type: 'RollBackDeployment', by: back['id'] })], BY_TEST);
      return back;
    };
    const once = await away(third);
    expect(once).toMatchObject({ restores: second, release: { artifact: { digest: digestOf(2) } } });
    expect((await away(once['id']))['restores']).toBe(first);
    expectProblem(await roll(), 409, 'nothing-to-roll-back-to');
    expect((await api.call('get', `/api/deployments/${third}`)).body).toMatchObject({
      status: 'rolled_back',
      rolledBackBy: once['id'],
      error: { code: 'rolled-back' },
    });
    // By name it can be brought back all the same.
    expect(await rolledBack({ deploymentId: third })).toMatchObject({ restores: third });
  });

  test('takes the place of what waits, and follows what runs', async () => {
    await deployed(api, id, 1);
    await deployed(api, id, 2);
    await claim(api, await ask(api, id, 3));
    const waiting = await ask(api, id, 4);
    const back = (await roll().expect(202)).body;
    expect(back.release.artifact.digest).toBe(digestOf(1));
    expect((await api.call('get', `/api/deployments/${waiting}`)).body.status).toBe('superseded');
  });

  test('is refused where there is nothing to go back to', async () => {
    expectProblem(await roll(), 409, 'nothing-to-roll-back-to');
    const only = await deployed(api, id, 1);
    expectProblem(await roll(), 409, 'nothing-to-roll-back-to');
    expectProblem(await roll({ deploymentId: only }), 409, 'already-current');
    expect((await read())['hold']).toBeNull();
  });

  test('is refused to what never served, to another workload’s and to nothing', async () => {
    await deployed(api, id, 1);
    const failed = await ask(api, id, 2);
    await failDeployment(api, failed);
    expectProblem(await roll({ deploymentId: failed }), 409, 'never-succeeded');
    const other = await api.workload();
    const others = await deployed(api, other['id'] as string, 5);
    expectProblem(await roll({ deploymentId: others }), 404, 'no-such-release');
    expectProblem(await roll({ deploymentId: NOWHERE }), 404, 'no-such-release');
    expectProblem(await roll({ deploymentId: 'latest' }), 400, 'invalid-body', ['/deploymentId']);
    expectProblem(await roll({ to: failed }), 400, 'unknown-field', ['/to']);
    expectProblem(await api.call('post', `/api/workloads/${NOWHERE}/rollback`, {}), 404, 'not-found');
    expect((await read())['hold']).toBeNull();
  });

  test('is refused to who may only look, and for a workload that goes', async () => {
    await deployed(api, id, 1);
    await deployed(api, id, 2);
    const token = await api.token('viewer');
    expectProblem(await api.call('post', `/api/workloads/${id}/rollback`, {}, { token }), 403, 'role-too-low');
    await api.call('delete', `/api/workloads/${id}`).expect(202);
    expectProblem(await roll(), 409, 'workload-deleting');
  });

  test('does not take back a host that another workload has by now', async () => {
    const host = `${id}.example.org`;
    await api.call('patch', `/api/workloads/${id}`, { faces: [{ host }] }).expect(200);
    await deployed(api, id, 1);
    await api.call('patch', `/api/workloads/${id}`, { faces: [] }).expect(200);
    await deployed(api, id, 2);
    const owner = await api.workload({ faces: [{ host }] });
    const refused = await roll();
    expectProblem(refused, 409, 'host-taken');
    expect(refused.body.detail).toContain(owner['name']);
  });

  test('ten at once leave one waiting and one hold', async () => {
    await deployed(api, id, 1);
    await deployed(api, id, 2);
    const answers = await Promise.all(Array.from({ length: 10 }, () => roll()));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 202 || status === 409)).toBe(true);
    const made = (await read('/deployments'))['items'] as Answer[];
    const waiting = made.filter(({ status }) => status === 'waiting');
    expect(waiting).toHaveLength(1);
    expect((await read())['hold'].reason).toContain(waiting[0]!['id']);
  });

  test('brings a local image back by its id, not by a tag that moved', async () => {
    const config = { image: 'registry.example.org/acme/local:dev', port: 8080, pullPolicy: 'never' };
    await api.call('patch', `/api/workloads/${id}`, { sourceConfig: config }).expect(200);
    const build = async (imageId: string) => {
      const made = (await api.call('post', `/api/workloads/${id}/deploy`, {}).expect(202)).body;
      await serve(api, made.id, { imageId });
    };
    await build('sha256:one');
    await build('sha256:two');
    expect(await releases()).toMatchObject([
      { artifact: { localId: 'sha256:two' } },
      { artifact: { localId: 'sha256:one' } },
    ]);
    const back = await rolledBack();
    expect(back['release'].artifact).toMatchObject({ digest: null, tag: 'dev', localId: 'sha256:one' });
    expect((await releases()).map(({ current }) => current)).toEqual([true, false]);
  });
});

describe('who rolls back unasked', () => {
  const unasked = (from: string, more: object = {}) =>
    requestRollback(
      api.opened.store,
      { id: uuid(), workloadId: id, from, note: 'unhealthy', at: new Date().toISOString(), ...more },
      BY_TEST,
    );

  test('does so only while the bad one serves and nothing newer is under way', async () => {
    await deployed(api, id, 1);
    const bad = await deployed(api, id, 2);
    const fix = await ask(api, id, 3);
    await expect(unasked(bad)).rejects.toMatchObject({ code: 'not-current' });
    await claim(api, fix);
    await expect(unasked(bad)).rejects.toMatchObject({ code: 'not-current' });
    await failDeployment(api, fix);
    expect((await unasked(bad)).map(({ type }) => type)).toEqual(['HoldSet', 'DeploymentRequested']);
    await expect(unasked(NOWHERE)).rejects.toMatchObject({ code: 'not-current' });
  });
});

describe('GET /api/workloads/{id}/releases', () => {
  test('shows each release once, however often it was brought up', async () => {
    const first = await deployed(api, id, 1);
    const second = await deployed(api, id, 2);
    const back = await rolledBack();
    expect(await releases()).toMatchObject([
      { deploymentId: back['id'], current: true, pinned: false, artifact: { digest: digestOf(1) } },
      { deploymentId: second, current: false, artifact: { digest: digestOf(2) }, succeededAt: expect.any(String) },
    ]);
    expect(first).not.toBe(back['id']);
    const page = await read('/releases?limit=1');
    expect(page['items']).toHaveLength(1);
    expect((await read(`/releases?limit=1&cursor=${page['nextCursor']}`))['items']).toMatchObject([
      { deploymentId: second },
    ]);
    expectProblem(await api.call('get', `/api/workloads/${id}/releases?cursor=x`), 400, 'invalid-cursor');
  });

  test('names the version at which its variables were set', async () => {
    const set = async (value: string) =>
      (await api.call('put', `/api/workloads/${id}/env/MODE`, { value }).expect(200)).body.version as number;
    const one = await set('one');
    await deployed(api, id, 1);
    const two = await set('two');
    await deployed(api, id, 2);
    expect((await releases()).map(({ envVersion }) => envVersion)).toEqual([two, one]);
    expect((await read(`?version=${one}`))['env']).toMatchObject({ MODE: { value: 'one' } });
  });
});

describe('retention', () => {
  const keep = (releasesKept: number) => api.call('patch', '/api/settings', { releasesKept }).expect(200);
  beforeEach(() => keep(5));
  afterAll(() => keep(5));
  const versions = async () => (await releases()).map(({ artifact }) => Number(artifact.digest.slice(-2)));

  test('keeps five, what is pinned and what serves', async () => {
    const made: string[] = [];
    for (let n = 1; n <= 4; n += 1) made.push(await deployed(api, id, n));
    expect((await pin('put', made[1]!).expect(200)).body).toMatchObject({ deploymentId: made[1], pinned: true });
    for (let n = 5; n <= 8; n += 1) made.push(await deployed(api, id, n));
    expect(await prune()).toBe(2);
    expect(await versions()).toEqual([8, 7, 6, 5, 4, 2]);
    expectProblem(await roll({ deploymentId: made[0] }), 409, 'release-pruned');
    expectProblem(await pin('put', made[0]!), 409, 'release-pruned');
    expect(await prune()).toBe(0);
    expect(await compareViews({ databaseUrl: api.databaseUrl })).toEqual([]);
    await pin('delete', made[1]!).expect(200);
    expect(await prune()).toBe(1);
    expect(await versions()).toEqual([8, 7, 6, 5, 4]);
  });

  test('is not used up by what only repeats a release', async () => {
    await deployed(api, id, 1);
    await deployed(api, id, 2);
    for (let n = 0; n < 8; n += 1) await deployed(api, id, 3);
    expect(await prune()).toBe(0);
    expect(await versions()).toEqual([3, 2, 1]);
  });

  test('spares what serves and what is about to come back', async () => {
    const first = await deployed(api, id, 1);
    await deployed(api, id, 2);
    await deployed(api, id, 3);
    const { body } = await roll({ deploymentId: first }).expect(202);
    await keep(1);
    expect(await prune()).toBe(1);
    expect(await versions()).toEqual([3, 1]);
    await serve(api, body.id);
    expect(await prune()).toBe(1);
    expect(await versions()).toEqual([1]);
  });

  test('keeps the secrets of what is kept, and forgets those that nothing uses any more', async () => {
    const set = async (value: string) => {
      await api.call('put', `/api/workloads/${id}/env/KEY`, { value, secret: true }).expect(200);
      const { rows } = await api.opened.store.pool.query('select env from view.workload where id = $1', [id]);
      return rows[0].env.KEY.secret;
    };
    const refs = [];
    for (let n = 1; n <= 3; n += 1) {
      refs.push(await set(`secret ${n}`));
      await deployed(api, id, n);
    }
    await keep(2);
    expect(await prune()).toBe(1);
    await expect(api.opened.secrets.open(refs[0])).rejects.toMatchObject({ code: 'secret-gone' });
    expect(await api.opened.secrets.open(refs[1])).toBe('secret 2');
    expect(await api.opened.secrets.open(refs[2])).toBe('secret 3');
  });

  test('forgets the secrets of faces alike, and shows them masked in the past', async () => {
    const { store, secrets } = api.opened;
    const refs = [];
    for (let n = 1; n <= 2; n += 1) {
      const { ref, statement } = secrets.seal(`hash ${n}`);
      const faces = [{ host: `${id}.example.org`, path: '/', port: null, basicAuth: { user: 'ann', password: ref } }];
      const command = { type: 'ChangeWorkload', changes: {}, faces } as const;
      await store.commit([on(workload, id, command)], { ...BY_TEST, extra: [statement] });
      refs.push(ref);
      await deployed(api, id, n);
    }
    const past = await read('?version=2');
    expect(past['faces']).toMatchObject([{ basicAuth: { user: 'ann', password: { $secret: 'set', version: 1 } } }]);
    expect(JSON.stringify([past, await read('/diff?from=1&to=3')])).not.toMatch(/secretId|fingerprint/);
    expect(await secrets.open(refs[0]!)).toBe('hash 1');
    await keep(1);
    expect(await prune()).toBe(1);
    await expect(secrets.open(refs[0]!)).rejects.toMatchObject({ code: 'secret-gone' });
    expect(await secrets.open(refs[1]!)).toBe('hash 2');
  });

  test('a pin is refused for what never served, and for who may only look', async () => {
    const waiting = await ask(api, id, 1);
    expectProblem(await pin('put', waiting), 409, 'never-succeeded');
    expectProblem(await pin('put', NOWHERE), 404, 'no-such-release');
    expectProblem(await pin('delete', 'x'), 404, 'not-found');
    const token = await api.token('viewer');
    const path = `/api/workloads/${id}/releases/${waiting}/pin`;
    expectProblem(await api.call('put', path, undefined, { token }), 403, 'role-too-low');
  });

  test('a release that is pruned while it is asked for is refused, or comes back whole', async () => {
    await keep(1);
    for (let round = 0; round < 5; round += 1) {
      await api.call('put', `/api/workloads/${id}/env/KEY`, { value: `${round}`, secret: true }).expect(200);
      const first = await deployed(api, id, 3 * round);
      const { rows } = await api.opened.store.pool.query('select env from view.workload where id = $1', [id]);
      await api.call('delete', `/api/workloads/${id}/env/KEY`).expect(200);
      await deployed(api, id, 3 * round + 1);
      const [answer] = await Promise.all([roll({ deploymentId: first }), prune()]);
      if (answer.status !== 202) expectProblem(answer, 409, 'release-pruned');
      else expect(await api.opened.secrets.open(rows[0].env.KEY.secret)).toBe(String(round));
      if (answer.status === 202) await serve(api, answer.body.id);
    }
  });
});

describe('the past', () => {
  test('shows faces, variables, holds and what ran, and how they differ', async () => {
    const before = (await read())['version'] as number;
    await api.call('put', `/api/workloads/${id}/env/KEY`, { value: 'a', secret: true }).expect(200);
    const withA = (await read())['version'] as number;
    const first = await deployed(api, id, 1);
    await api.call('put', `/api/workloads/${id}/env/KEY`, { value: 'b', secret: true }).expect(200);
    await api.call('patch', `/api/workloads/${id}`, { faces: [{ host: `${id}.example.org` }] }).expect(200);
    await deployed(api, id, 2);
    await roll().expect(202);
    const now = (await read())['version'] as number;
    expect(await read(`?version=${before}`)).toMatchObject({ env: {}, hold: null, currentDeploymentId: null });
    expect(await read(`?version=${withA + 1}`)).toMatchObject({
      currentDeploymentId: first,
      currentArtifact: { digest: digestOf(1) },
    });
    const { changes } = await read(`/diff?from=${withA}&to=${now}`);
    const fields = new Map((changes as Answer[]).map((change) => [change['field'], change]));
    expect([...fields.keys()].sort()).toEqual(['currentArtifact', 'currentDeploymentId', 'env', 'faces', 'hold']);
    const secret = (version: number) => ({
      KEY: { value: { $secret: 'set' }, secret: true, optional: false, version },
    });
    expect(fields.get('env')).toMatchObject({ from: secret(1), to: secret(2) });
    expect(JSON.stringify(changes)).not.toMatch(/fingerprint|secretId/);
  });
});

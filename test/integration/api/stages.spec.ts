import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compareViews } from '#store/compare-views';
import { crateSource } from '../../support/crate.js';
import { expectProblem, startTestApi, type Api } from './fixture.js';
import { ask, claim, deployed, digestOf, failDeployment } from './serve.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api?.stop());

const NOWHERE = '01980000-0000-7000-8000-000000000000';
const SHOP = { image: 'registry.example.org/acme/shop', port: 8080 };

let dev: string;
let prod: string;
beforeEach(async () => {
  dev = (await api.workload({ stage: 'dev' }))['id'] as string;
  prod = (await api.workload({ stage: 'prod', parentId: dev }))['id'] as string;
});

const promote = (body: object = {}, id = prod) => api.call('post', `/api/workloads/${id}/promote-from`, body);

describe('POST /api/workloads/{id}/promote-from', () => {
  test('runs what runs in the parent with a config of its own, and asks no registry', async () => {
    await api.call('put', `/api/workloads/${dev}/env`, { MODE: { value: 'dev' } }).expect(200);
    const faces = [{ host: `${prod}.example.org` }];
    await api.call('patch', `/api/workloads/${prod}`, { faces, sourceConfig: { ...SHOP, port: 9090 } }).expect(200);
    await api.call('put', `/api/workloads/${prod}/env`, { MODE: { value: 'prod' } }).expect(200);
    const there = await deployed(api, dev, 7);
    const answer = await promote();
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body).toMatchObject({
      workloadId: prod,
      status: 'waiting',
      reason: 'promote',
      promotedFrom: { workloadId: dev, deploymentId: there, isHotfix: false },
      release: {
        artifact: { repository: SHOP.image, digest: digestOf(7) },
        config: { port: 9090 },
        faces,
        env: { MODE: { value: 'prod' } },
      },
    });
    expect(await compareViews({ databaseUrl: api.databaseUrl })).toEqual([]);
  });

  test('takes what serves, not what is on its way or failed', async () => {
    await deployed(api, dev, 1);
    await failDeployment(api, await ask(api, dev, 2));
    await claim(api, await ask(api, dev, 3));
    await ask(api, dev, 4);
    expect((await promote().expect(202)).body.release.artifact.digest).toBe(digestOf(1));
    expect((await promote({ force: true }).expect(202)).body).toMatchObject({
      note: expect.stringContaining('hotfix'),
      promotedFrom: { isHotfix: true },
      release: { artifact: { digest: digestOf(1) } },
    });
  });

  test('is refused while nothing has succeeded there; force records a hotfix', async () => {
    expectProblem(await promote(), 409, 'parent-never-succeeded');
    expectProblem(await promote({ force: true }), 409, 'parent-never-succeeded');
    const failed = await ask(api, dev, 2);
    expectProblem(await promote(), 409, 'parent-never-succeeded');
    await failDeployment(api, failed);
    expectProblem(await promote(), 409, 'parent-never-succeeded');
    expect((await promote({ force: true }).expect(202)).body).toMatchObject({
      promotedFrom: { workloadId: dev, deploymentId: failed, isHotfix: true },
      release: { artifact: { digest: digestOf(2) } },
    });
  });

  test('takes another workload by name, but not another repository unless forced', async () => {
    const cousin = (await api.workload({ sourceConfig: { ...SHOP, port: 1 } }))['id'] as string;
    await deployed(api, cousin, 3);
    expect((await promote({ workloadId: cousin }).expect(202)).body.release.artifact.digest).toBe(digestOf(3));
    const stranger = (await api.workload({ sourceConfig: { image: 'registry.example.org/acme/blog' } }))[
      'id'
    ] as string;
    await deployed(api, stranger, 4);
    expectProblem(await promote({ workloadId: stranger }), 409, 'other-repository');
    expect((await promote({ workloadId: stranger, force: true }).expect(202)).body.release.artifact).toMatchObject({
      repository: 'registry.example.org/acme/blog',
      digest: digestOf(4),
    });
  });

  test('refuses what makes no sense', async () => {
    expectProblem(await promote({}, dev), 409, 'no-parent');
    expectProblem(await promote({ workloadId: prod }), 400, 'invalid-source-workload', ['/workloadId']);
    expectProblem(await promote({ workloadId: NOWHERE }), 404, 'not-found');
    expectProblem(await promote({ workloadId: 'dev' }), 400, 'invalid-body', ['/workloadId']);
    expectProblem(await promote({ force: 'yes' }), 400, 'invalid-body', ['/force']);
    expectProblem(await promote({ parent: dev }), 400, 'unknown-field', ['/parent']);
    expectProblem(await promote({}, NOWHERE), 404, 'not-found');
    await api.call('delete', `/api/workloads/${prod}`).expect(202);
    expectProblem(await promote(), 409, 'workload-deleting');
  });

  test('needs a deployer who sees both', async () => {
    await deployed(api, dev, 1);
    const path = `/api/workloads/${prod}/promote-from`;
    const viewer = await api.token('viewer');
    expectProblem(await api.call('post', path, {}, { token: viewer }), 403, 'role-too-low');
    const half = await api.token('deployer', [prod]);
    expectProblem(await api.call('post', path, {}, { token: half }), 404, 'not-found');
    await api.call('post', path, {}, { token: await api.token('deployer', [dev, prod]) }).expect(202);
  });

  test('never between sources of two kinds, whatever is forced', async () => {
    const source = crateSource();
    const both = await startTestApi({ sources: [source] });
    try {
      const parent = await both.workload();
      await deployed(both, parent['id'] as string, 1);
      const crate = await both.workload({
        sourceKind: source.kind,
        sourceConfig: { ...source.sample },
        parentId: parent['id'],
      });
      const answer = await both.call('post', `/api/workloads/${crate['id']}/promote-from`, { force: true });
      expectProblem(answer, 409, 'other-source-kind');
    } finally {
      await both.stop();
    }
  });
});

describe('the stages', () => {
  const parentOf = (id: string, parentId: string | null) => api.call('patch', `/api/workloads/${id}`, { parentId });

  test('show what runs in each', async () => {
    const first = await deployed(api, dev, 1);
    const held = await api.call('post', `/api/workloads/${prod}/hold`, { reason: 'freeze' }).expect(200);
    const { body } = await api.call('get', `/api/workloads/${dev}/chain`).expect(200);
    expect(body).toMatchObject({
      parent: null,
      self: {
        id: dev,
        stage: 'dev',
        state: 'running',
        currentDeploymentId: first,
        currentArtifact: { digest: digestOf(1) },
      },
      children: [
        { id: prod, state: 'never-deployed', currentDeploymentId: null, currentArtifact: null, hold: held.body.hold },
      ],
    });
  });

  test('never become a cycle, also when two are put below each other at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [a, b, c] = await Promise.all([1, 2, 3].map(async () => (await api.workload())['id'] as string));
      const answers = await Promise.all([parentOf(a!, b!), parentOf(b!, c!), parentOf(c!, a!)]);
      const refused = answers.filter(({ status }) => status !== 200);
      expect(refused.length).toBeGreaterThanOrEqual(1);
      for (const answer of refused) expectProblem(answer, 409, 'parent-cycle');
    }
  });

  test('refuse a parent that the caller does not see', async () => {
    const alone = (await api.workload())['id'] as string;
    const token = await api.token('editor', [alone]);
    const answer = await api.call('patch', `/api/workloads/${alone}`, { parentId: dev }, { token });
    expectProblem(answer, 400, 'unknown-parent', ['/parentId']);
  });

  test('keep a parent that gets a child while it is deleted, or refuse the child', async () => {
    for (let round = 0; round < 10; round += 1) {
      const parent = (await api.workload())['id'] as string;
      const child = (await api.workload())['id'] as string;
      const [attached, deleted] = await Promise.all([
        parentOf(child, parent),
        api.call('delete', `/api/workloads/${parent}`),
      ]);
      const outcome = [attached.status, deleted.status];
      expect(
        [
          [200, 409],
          [400, 202],
        ],
        JSON.stringify([attached.body, deleted.body]),
      ).toContainEqual(outcome);
    }
  });
});

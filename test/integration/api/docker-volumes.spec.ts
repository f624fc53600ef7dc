import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployment } from '#domain/deployment';
import { volumeId, volumeRemoval } from '#domain/volume-removal';
import { on } from '#store/operation';
import { compareViews } from '#store/compare-views';
import { DIGEST, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
let api: Api;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const VOLUMES = [
  { scope: 'project_named', source: 'db', target: '/db' },
  { scope: 'ephemeral', target: '/tmp' },
];

/** A workload with a deployment that asked for its volumes; the volume's name. */
async function deployed(
  volumes: object[] = VOLUMES,
): Promise<{ workload: Answer; deploymentId: string; name: string }> {
  const workload = await api.workload({ volumes });
  const path = `/api/workloads/${workload['id']}/deploy`;
  const { id } = (await api.call('post', path, { digest: DIGEST }).expect(202)).body as Answer;
  return { workload, deploymentId: id as string, name: `tf-${(workload['id'] as string).slice(-8)}-db` };
}
const cancel = (id: string) =>
  api.opened.store.commit([on(deployment, id, { type: 'CancelDeployment', message: 'enough' })], CAUSE);
const emptied = (workload: Answer) => api.call('put', `/api/workloads/${workload['id']}/volumes`, []).expect(200);
const remove = (name: string, token?: string) =>
  api.call('delete', `/api/volumes/${name}`, undefined, token === undefined ? {} : { token });
async function found(name: string): Promise<Answer | undefined> {
  const { items } = (await api.call('get', '/api/volumes?limit=200').expect(200)).body as { items: Answer[] };
  return items.find((each) => each['name'] === name);
}

describe('GET /api/volumes', () => {
  test('tells whose they are and who needs them, page by page', async () => {
    const made = [await deployed(), await deployed(), await deployed()];
    const names: string[] = [];
    for (let cursor = ''; ;) {
      const page = (await api.call('get', `/api/volumes?limit=2${cursor}`).expect(200)).body as Answer;
      names.push(...(page['items'] as Answer[]).map(({ name }) => name as string));
      if (page['nextCursor'] === null) break;
      cursor = `&cursor=${page['nextCursor']}`;
    }
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(made.map(({ name }) => name)));
    const [{ workload, name }] = made as [(typeof made)[0]];
    expect(await found(name)).toEqual({
      name,
      node: 'default',
      scope: 'project_named',
      workloadId: workload['id'],
      workloadName: workload['name'],
      usedBy: [workload['name']],
      removal: null,
    });
  });

  test('names everybody who shares one', async () => {
    const shared = [{ scope: 'named', source: 'shared-data', target: '/data' }];
    const [one, two] = [await deployed(shared), await deployed(shared)];
    const usedBy = [one.workload['name'], two.workload['name']].sort();
    expect(await found('shared-data')).toMatchObject({ scope: 'named', workloadId: one.workload['id'], usedBy });
  });

  test('takes no strange cursor', async () => {
    expectProblem(await api.call('get', '/api/volumes?cursor=nonsense'), 400, 'invalid-cursor', ['/cursor']);
    expectProblem(await api.call('get', '/api/volumes?limit=0'), 400, 'invalid-query');
  });

  test('is for those who see every workload', async () => {
    await api.call('get', '/api/volumes', undefined, { token: await api.token('viewer') }).expect(200);
    const { id } = await api.workload();
    const token = await api.token('admin', [id as string]);
    expectProblem(await api.call('get', '/api/volumes', undefined, { token }), 403, 'forbidden');
  });
});

describe('DELETE /api/volumes/{name}', () => {
  test('refuses what a workload or a kept release has, by name', async () => {
    const { workload, deploymentId, name } = await deployed();
    await cancel(deploymentId);
    const refused = await remove(name);
    expectProblem(refused, 409, 'volume-in-use');
    expect((refused.body as Answer)['detail']).toContain(workload['name']);
    await emptied(workload);
    await remove(name).expect(202);
  });

  test('refuses while a deployment is under way, and where its release is kept', async () => {
    const { workload, deploymentId, name } = await deployed();
    await emptied(workload);
    expectProblem(await remove(name), 409, 'volume-in-use');
    const steps = { steps: ['route'], commitStep: 'route', owner: 'test', previousDeploymentId: null };
    const run = { type: 'ClaimDeployment' as const, ...steps };
    await api.opened.store.commit([on(deployment, deploymentId, run)], CAUSE);
    const complete = { type: 'CompleteStep' as const, step: 'route', facts: {} };
    await api.opened.store.commit([on(deployment, deploymentId, complete)], CAUSE);
    expect((await api.call('get', `/api/deployments/${deploymentId}`)).body).toMatchObject({ status: 'succeeded' });
    expectProblem(await remove(name), 409, 'volume-in-use');
  });

  test('asks once, and tells what the node made of it', async () => {
    const { workload, deploymentId, name } = await deployed();
    await cancel(deploymentId);
    await emptied(workload);
    const asked = await remove(name).expect(202);
    expect(asked.body).toMatchObject({ name, usedBy: [], removal: { status: 'asked', code: null, message: null } });
    expect((await remove(name).expect(202)).body).toEqual(await found(name));
    const tell = (command: Parameters<typeof volumeRemoval.decide>[0]) =>
      api.opened.store.commit([on(volumeRemoval, volumeId({ node: 'default', name }), command)], CAUSE);
    await tell({ type: 'RefuseVolumeRemoval', code: 'volume-foreign', message: 'Not ours.' });
    expect(await found(name)).toMatchObject({ removal: { status: 'refused', code: 'volume-foreign' } });
    await remove(name).expect(202);
    await tell({ type: 'RecordVolumeRemoved' });
    expect(await found(name)).toBeUndefined();
    expectProblem(await remove(name), 404, 'not-found');
    const stream = `volume-${volumeId({ node: 'default', name })}`;
    const { body } = await api.call('get', `/api/events?stream=${encodeURIComponent(stream)}`).expect(200);
    expect((body as Answer)['items'].map(({ type }: Answer) => type)).toEqual([
      'VolumeRemovalRequested',
      'VolumeRemovalRefused',
      'VolumeRemovalRequested',
      'VolumeRemoved',
    ]);
  });

  test('is for admins, and for volumes that we know', async () => {
    const { name } = await deployed();
    expectProblem(await remove(name, await api.token('editor')), 403, 'role-too-low');
    for (const odd of ['nobody-has-this', '..%2Fetc', 'a b', '%00'])
      expect([400, 404], odd).toContain((await remove(odd)).status);
    expectProblem(await api.call('delete', `/api/volumes/${name}?force=true`), 400, 'unknown-field');
    expectProblem(await api.call('delete', `/api/volumes/${name}?node=elsewhere`), 404, 'not-found');
  });
});

test('the list is the same when it is made from the log again', async () => {
  expect(await compareViews({ databaseUrl: api.databaseUrl })).toEqual([]);
});

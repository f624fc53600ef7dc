import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node } from '#domain/node';
import { beat, leave, type Heartbeat } from '#store/heartbeats';
import { on } from '#store/operation';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

const engine = { version: '20.10.24', os: 'linux', arch: 'amd64' };
const CAUSE = { actor: 'system:test', correlationId: 'test' };

let api: Api;
beforeAll(async () => {
  api = await startTestApi();
  await join('berlin');
});
afterAll(() => api?.stop());

const process = (more: Partial<Heartbeat>): Heartbeat => ({
  owner: 'deploy-worker@a-1',
  role: 'deploy-worker',
  node: 'berlin',
  release: '0.1.0',
  engine,
  disk: { freeBytes: 7, totalBytes: 9 },
  startedAt: new Date(),
  silentMs: 60_000,
  ...more,
});
const join = (name: string) =>
  api.opened.store.commit([on(node, name, { type: 'RegisterNode', node: name, engine })], CAUSE);
const says = (more: Partial<Heartbeat>) => beat(api.opened.store.pool, process(more));
const nodeNamed = async (name: string) => (await api.call('get', `/api/nodes/${name}`)).body as Answer;

describe('nodes', () => {
  it('are shown with their processes, their leader and what is on them', async () => {
    await says({});
    await says({ owner: 'reconciler@a-2', role: 'reconciler', engine: null });
    await api.opened.store.leases.acquire({ subject: 'node-berlin', owner: 'reconciler@a-2', ttlMs: 60_000 });
    await api.opened.store.leases.acquire({ subject: 'workload-1', owner: 'deploy-worker@a-1', ttlMs: 60_000 });
    await api.workload({ node: 'berlin' });
    const { items } = (await api.call('get', '/api/nodes')).body as Answer;
    expect(items).toEqual([await nodeNamed('berlin')]);
    expect(items[0]).toMatchObject({
      name: 'berlin',
      isSilent: false,
      isServed: true,
      lastSeenAt: expect.any(String),
      leader: 'reconciler@a-2',
      engine,
      disk: { freeBytes: 7, totalBytes: 9 },
      workloads: 1,
      deployments: { running: 0, waiting: 0 },
      processes: [
        { owner: 'deploy-worker@a-1', engineAnswers: true, isLeader: false, busy: 1, isSilent: false },
        { owner: 'reconciler@a-2', engineAnswers: false, isLeader: true, busy: 0, isSilent: false },
      ],
    });
  });

  it('that fell silent say so, and so do their workloads, whose state stays', async () => {
    await join('paris');
    await says({ node: 'paris', owner: 'deploy-worker@p-1', silentMs: 0 });
    const { id, state } = await api.workload({ node: 'paris' });
    expect(await nodeNamed('paris')).toMatchObject({ isSilent: true, isServed: false });
    expect((await api.call('get', `/api/workloads/${id}`)).body).toMatchObject({ nodeIsSilent: true, state });
    await says({ node: 'paris', owner: 'deploy-worker@p-1' });
    expect((await api.call('get', `/api/workloads/${id}`)).body).toMatchObject({ nodeIsSilent: false, state });
  });

  it('that all workers left are not served, long before they are silent', async () => {
    await join('rome');
    await says({ node: 'rome', owner: 'deploy-worker@r-1' });
    await leave(api.opened.store.pool, { owner: 'deploy-worker@r-1', role: 'deploy-worker' });
    expect(await nodeNamed('rome')).toMatchObject({ isSilent: false, isServed: false, processes: [] });
  });

  it('are a 404 when nobody knows them', async () => {
    expectProblem(await api.call('get', '/api/nodes/nowhere'), 404, 'not-found');
    expectProblem(await api.call('delete', '/api/nodes/nowhere'), 404, 'not-found');
  });

  it('are forgotten only when they are empty and gone', async () => {
    await join('oslo');
    await says({ node: 'oslo', owner: 'deploy-worker@o-1' });
    expectProblem(await api.call('delete', '/api/nodes/oslo'), 409, 'node-served');
    await leave(api.opened.store.pool, { owner: 'deploy-worker@o-1', role: 'deploy-worker' });
    const { id, name } = await api.workload({ node: 'oslo' });
    const refused = await api.call('delete', '/api/nodes/oslo');
    expectProblem(refused, 409, 'node-in-use');
    expect(refused.body.detail).toContain(name);
    await api.call('delete', `/api/workloads/${id}`);
    await api.opened.store.pool.query(`update view.workload set lifecycle = 'gone' where id = $1`, [id]);
    expect((await api.call('delete', '/api/nodes/oslo')).status).toBe(204);
    expectProblem(await api.call('get', '/api/nodes/oslo'), 404, 'not-found');
    const editor = await api.token('editor');
    expectProblem(await api.call('delete', '/api/nodes/berlin', undefined, { token: editor }), 403, 'role-too-low');
  });
});

describe('a workload’s node', () => {
  it('is one that there is; default always is', async () => {
    expect(await api.workload({ node: 'default' })).toMatchObject({ node: 'default' });
    expect(await api.workload({ node: 'berlin' })).toMatchObject({ node: 'berlin' });
    const refused = await api.call('post', '/api/workloads', {
      name: 'lost',
      sourceKind: 'image',
      sourceConfig: { image: 'ghcr.io/acme/shop', port: 80 },
      node: 'berlni',
    });
    expectProblem(refused, 400, 'unknown-node', ['/node']);
    expect(refused.body.detail).toContain('berlin');
  });

  it('that nobody serves lets deployments wait, and they say what for', async () => {
    const { id } = await api.workload({ node: 'default' });
    const digest = `sha256:${'b'.repeat(64)}`;
    const asked = (await api.call('post', `/api/workloads/${id}/deploy`, { digest })).body as Answer;
    const waits = { code: 'node-unserved', message: expect.stringContaining('No deploy worker serves node default') };
    expect(asked).toMatchObject({ status: 'waiting', error: null, waitingFor: waits });
    await says({ node: 'default', owner: 'deploy-worker@d-1' });
    const later = (await api.call('get', `/api/deployments/${asked['id']}`)).body as Answer;
    expect(later).toMatchObject({ status: 'waiting', waitingFor: null });
  });
});

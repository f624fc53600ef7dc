import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deployment, type DeploymentCommand } from '#domain/deployment';
import { workload } from '#domain/workload';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

const BY_TEST = { actor: 'system:test', correlationId: 'test' };

let api: Api;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api?.stop());

async function requested(of: Answer): Promise<string> {
  const id = uuidv7();
  const artifact = { kind: 'image', repository: 'registry.example.org/acme/shop', tag: '1', digest: null };
  const release = { artifact, config: of['sourceConfig'], faces: [], env: {} };
  const about = { id, workloadId: of['id'], workloadName: of['name'], sourceKind: 'image', node: 'default', release };
  const origin = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(api.opened.store, { ...about, ...origin }, BY_TEST);
  return id;
}
const record = (id: string, command: DeploymentCommand) =>
  api.opened.store.commit([on(deployment, id, command)], BY_TEST);
async function deployed(of: Answer): Promise<string> {
  const id = await requested(of);
  const about = { steps: ['route'], commitStep: 'route', owner: 'w1', previousDeploymentId: null };
  await record(id, { type: 'ClaimDeployment', ...about });
  await record(id, { type: 'CompleteStep', step: 'route', facts: { imageId: 'sha256:1' } });
  return id;
}
const ask = (id: unknown, verb: 'stop' | 'start' | 'restart', body: object = {}, token?: string) =>
  api.call('post', `/api/workloads/${String(id)}/${verb}`, body, token === undefined ? {} : { token });
const read = async (id: unknown) => (await api.call('get', `/api/workloads/${String(id)}`).expect(200)).body as Answer;

describe('POST /api/workloads/{id}/stop and start', () => {
  test('say what is wanted at once, and once only', async () => {
    const of = await api.workload();
    await deployed(of);
    const stopped = await ask(of['id'], 'stop', { reason: 'for the night' });
    expect(stopped.status, JSON.stringify(stopped.body)).toBe(202);
    expect(stopped.body).toMatchObject({
      runState: 'stopped',
      runStateReached: false,
      state: 'stopped',
      startError: null,
    });
    expect((await ask(of['id'], 'stop').expect(202)).body.version).toBe(stopped.body.version);
    expect((await ask(of['id'], 'start').expect(202)).body).toMatchObject({
      runState: 'running',
      runStateReached: false,
    });
    const history = (await api.call('get', `/api/workloads/${of['id']}/history`).expect(200)).body.items;
    expect(history.map(({ type }: Answer) => type)).toEqual(['WorkloadStarted', 'WorkloadStopped', 'WorkloadCreated']);
    expect(history[1].data).toMatchObject({ reason: 'for the night' });
  });

  test('a stop cancels what waits and what runs, but for what is at its switch', async () => {
    const of = await api.workload();
    const running = await requested(of);
    const about = { steps: ['pull', 'route'], commitStep: 'route', owner: 'w1', previousDeploymentId: null };
    await record(running, { type: 'ClaimDeployment', ...about });
    const waiting = await requested(of);
    await ask(of['id'], 'stop').expect(202);
    expect((await api.call('get', `/api/deployments/${waiting}`)).body).toMatchObject({
      status: 'cancelled',
      error: { message: 'The workload was stopped.' },
    });
    expect((await api.call('get', `/api/deployments/${running}`)).body).toMatchObject({
      status: 'running',
      cancelRequestedAt: expect.any(String),
    });
    const other = await api.workload();
    const atTheSwitch = await requested(other);
    await record(atTheSwitch, { type: 'ClaimDeployment', ...about, steps: ['route'] });
    await ask(other['id'], 'stop').expect(202);
    expect((await api.call('get', `/api/deployments/${atTheSwitch}`)).body).toMatchObject({
      status: 'running',
      cancelRequestedAt: null,
    });
  });

  test('a start that failed says why until the next one', async () => {
    const of = await api.workload();
    await deployed(of);
    await ask(of['id'], 'stop').expect(202);
    await ask(of['id'], 'start').expect(202);
    const failure = { step: 'wait-healthy', code: 'not-healthy', message: 'It did not answer.' };
    await api.opened.store.commit([on(workload, of['id'], { type: 'FailStart', failure })], BY_TEST);
    expect(await read(of['id'])).toMatchObject({ runState: 'stopped', runStateReached: true, startError: failure });
    expect((await ask(of['id'], 'start').expect(202)).body).toMatchObject({ runState: 'running', startError: null });
  });

  test('refuse what they do not know, whoever may not, and what is gone', async () => {
    const of = await api.workload();
    for (const verb of ['stop', 'start', 'restart'] as const) {
      expectProblem(await ask(of['id'], verb, { force: true }), 400, 'unknown-field');
      expectProblem(await ask(of['id'], verb, { reason: '' }), 400, 'invalid-body', ['/reason']);
      expectProblem(await ask(of['id'], verb, {}, await api.token('viewer')), 403, 'role-too-low');
      expectProblem(await ask(randomUUID(), verb), 404, 'not-found');
    }
    await api.call('delete', `/api/workloads/${of['id']}`).expect(202);
    for (const verb of ['stop', 'start', 'restart'] as const)
      expectProblem(await ask(of['id'], verb), 409, 'workload-deleting');
  });
});

describe('POST /api/workloads/{id}/restart', () => {
  test('deploys what serves once more, whatever is configured by now', async () => {
    const of = await api.workload();
    const current = await deployed(of);
    await api
      .call('patch', `/api/workloads/${of['id']}`, { sourceConfig: { image: 'registry.example.org/other', port: 1 } })
      .expect(200);
    const answer = await ask(of['id'], 'restart', { reason: 'it leaks' });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body).toMatchObject({
      status: 'waiting',
      reason: 'manual',
      note: 'it leaks',
      restores: current,
      release: { artifact: { tag: '1', localId: 'sha256:1' }, config: of['sourceConfig'] },
    });
  });

  test('is refused before the first deployment', async () => {
    expectProblem(await ask((await api.workload())['id'], 'restart'), 409, 'never-deployed');
  });
});

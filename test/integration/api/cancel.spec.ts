import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deployment, type DeploymentCommand } from '#domain/deployment';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

const BY_TEST = { actor: 'system:test', correlationId: 'test' };

let api: Api;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api?.stop());

async function requested(workload: Answer): Promise<string> {
  const id = uuidv7();
  const artifact = { kind: 'image', repository: 'registry.example.org/acme/shop', tag: '1', digest: null };
  const release = { artifact, config: workload['sourceConfig'], faces: [], env: {} };
  const about = { id, workloadId: workload['id'], workloadName: workload['name'], sourceKind: 'image', release };
  const origin = { node: 'default', reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(api.opened.store, { ...about, ...origin }, BY_TEST);
  return id;
}
const record = (id: string, command: DeploymentCommand) =>
  api.opened.store.commit([on(deployment, id, command)], BY_TEST);
const claim = (id: string) =>
  record(id, {
    type: 'ClaimDeployment',
    steps: ['pull', 'route', 'retire'],
    commitStep: 'route',
    owner: 'w1',
    previousDeploymentId: null,
  });
const complete = (id: string, step: string) => record(id, { type: 'CompleteStep', step, facts: {} });
const cancel = (id: string, body: object = {}, token?: string) =>
  api.call('post', `/api/deployments/${id}/cancel`, body, token === undefined ? {} : { token });

describe('POST /api/deployments/{id}/cancel', () => {
  test('ends a waiting one at once, with the reason given, and says so again', async () => {
    const workload = await api.workload();
    const id = await requested(workload);
    const answer = await cancel(id, { reason: 'wrong version' });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body).toMatchObject({
      id,
      status: 'cancelled',
      error: { code: 'cancelled', message: 'wrong version' },
      endedAt: expect.any(String),
    });
    expect((await api.call('get', `/api/workloads/${workload['id']}`)).body).toMatchObject({
      state: 'never-deployed',
      pendingDeploymentId: null,
    });
    expect((await cancel(id)).body).toMatchObject({ status: 'cancelled', error: { message: 'wrong version' } });
  });

  test('asks the holder of a running one, which goes on until its next safe point', async () => {
    const id = await requested(await api.workload());
    await claim(id);
    expect((await cancel(id)).body).toMatchObject({ status: 'running', cancelRequestedAt: expect.any(String) });
    expect((await cancel(id).expect(202)).body).toMatchObject({ status: 'running' });
    await complete(id, 'pull');
    expect((await api.call('get', `/api/deployments/${id}`)).body).toMatchObject({ status: 'running' });
    const events = (await api.call('get', `/api/events?stream=deployment-${id}`).expect(200)).body.items;
    expect(events.filter(({ type }: Answer) => type === 'DeploymentCancelRequested')).toHaveLength(1);
  });

  test('is refused once its switch has begun, and after it', async () => {
    const id = await requested(await api.workload());
    await claim(id);
    await complete(id, 'pull');
    expectProblem(await cancel(id), 409, 'already-switched');
    await complete(id, 'route');
    expectProblem(await cancel(id), 409, 'already-switched');
  });

  test('is refused for one that has ended', async () => {
    const id = await requested(await api.workload());
    await record(id, { type: 'RejectDeployment', code: 'no-such-image', message: 'gone', class: 'permanent' });
    expectProblem(await cancel(id), 409, 'already-ended');
  });

  test('refuses what it does not know, whoever may not, and what is not there', async () => {
    const workload = await api.workload();
    const id = await requested(workload);
    expectProblem(await cancel(id, { why: 'no' }), 400, 'unknown-field');
    expectProblem(await cancel(id, { reason: 7 }), 400, 'invalid-body', ['/reason']);
    expectProblem(await cancel(id, {}, await api.token('viewer')), 403, 'role-too-low');
    const elsewhere = await api.token('deployer', [(await api.workload())['id'] as string]);
    expectProblem(await cancel(id, {}, elsewhere), 404, 'not-found');
    expectProblem(await cancel(randomUUID()), 404, 'not-found');
    expect((await api.call('get', `/api/deployments/${id}`)).body).toMatchObject({ status: 'waiting' });
  });
});

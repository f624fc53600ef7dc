import { afterAll, beforeAll, expect, test } from 'vitest';
import { delivery, type BindingVerdict } from '#domain/delivery';
import { on } from '#store/operation';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const BY_TEST = { actor: 'system:test', correlationId: 'test' };
const NOWHERE = '01980000-0000-7000-8000-000000000000';

function verdictOn(binding: Answer, verdict: BindingVerdict['verdict'], code: string): BindingVerdict {
  const { id: bindingId, workloadId } = binding as { id: string; workloadId: string };
  return { bindingId, workloadId, verdict, code, reason: `because of ${code}`, inputs: {}, deploymentId: null };
}

test('outcomes add up to the enabled bindings, and each verdict has its reason', async () => {
  const { id } = await api.trigger({ kind: 'manual' });
  const bindings: Answer[] = [];
  for (let index = 0; index < 5; index++) {
    const { id: workloadId } = await api.workload();
    bindings.push(
      (await api.call('post', `/api/triggers/${id}/bindings`, { workloadId, enabled: index < 4 }).expect(201)).body,
    );
  }
  const { deliveryId } = (await api.call('post', `/api/triggers/${id}/fire`, {}).expect(202)).body;
  const read = async (token?: string) =>
    (await api.call('get', `/api/deliveries/${deliveryId}`, undefined, { token }).expect(200)).body;
  const zero = { deployed: 0, skipped: 0, noMatch: 0, errored: 0, pending: 0 };
  expect((await read()).outcomes).toEqual({ ...zero, pending: 4 });

  const verdicts = [
    verdictOn(bindings[0]!, 'filtered', 'held'),
    verdictOn(bindings[1]!, 'filtered', 'outside-range'),
    verdictOn(bindings[2]!, 'errored', 'no-such-tag'),
  ];
  await api.opened.store.commit(
    [on(delivery, deliveryId, { type: 'RecordVerdicts', verdicts, remaining: 1 })],
    BY_TEST,
  );
  const judged = await read();
  expect(judged.outcomes).toEqual({ ...zero, skipped: 1, noMatch: 1, errored: 1, pending: 1 });
  expect(judged.verdicts).toMatchObject([
    { verdict: 'filtered', code: 'held', outcome: 'skipped', reason: 'because of held' },
    { verdict: 'filtered', code: 'outside-range', outcome: 'noMatch' },
    { verdict: 'errored', code: 'no-such-tag', outcome: 'errored' },
  ]);

  const found = async (query: string) =>
    (await api.call('get', `/api/deliveries?${query}`).expect(200)).body.items.map((row: Answer) => row['id']);
  for (const outcome of ['skipped', 'noMatch', 'errored', 'pending'])
    expect(await found(`outcome=${outcome}`), outcome).toEqual([deliveryId]);
  expect(await found('outcome=deployed')).toEqual([]);
  expect(await found(`triggerId=${NOWHERE}`)).toEqual([]);

  const own = await read(await api.token('viewer', [bindings[2]!['workloadId']]));
  expect(own.outcomes).toEqual({ ...zero, errored: 1 });
  expect(own.verdicts).toHaveLength(1);
  const stranger = await api.token('viewer', [(await api.workload())['id']]);
  expectProblem(
    await api.call('get', `/api/deliveries/${deliveryId}`, undefined, { token: stranger }),
    404,
    'not-found',
  );
});

test('a body is for admins, and gone after its days', async () => {
  const { id } = await api.trigger({ kind: 'manual' });
  const { deliveryId } = (await api.call('post', `/api/triggers/${id}/fire`, {}).expect(202)).body;
  expectProblem(
    await api.call('get', `/api/deliveries/${deliveryId}/body`, undefined, { token: await api.token('editor') }),
    403,
    'role-too-low',
  );
  await api.call('get', `/api/deliveries/${deliveryId}/body`).expect(200);
  await api.opened.store.pool.query('update state.delivery_body set expires_at = now() where delivery_id = $1', [
    deliveryId,
  ]);
  expectProblem(await api.call('get', `/api/deliveries/${deliveryId}/body`), 404, 'not-found');
  expectProblem(await api.call('get', `/api/deliveries?outcome=happy`), 400, 'invalid-query', ['/outcome']);
});

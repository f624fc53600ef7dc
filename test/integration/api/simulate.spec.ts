import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { crateSource } from '../../support/crate.js';
import { DIGEST, expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi({ sources: [crateSource()] })));
afterAll(() => api.stop());

const push = { image: `depot.test/crate:1.4.0@${DIGEST}` };
const event = { kind: 'image-push', registry: 'depot.test', repository: 'crate', tag: '1.4.0', digest: DIGEST };
const follows = (range: string) => ({ select: { policy: 'semver', range } });

async function shop(): Promise<{ triggerId: string; bindings: Answer[] }> {
  const { id: triggerId } = await api.trigger({ config: follows('>=1.0.0 <2.0.0') });
  const bindings: Answer[] = [];
  for (const override of [{}, follows('>=2.0.0'), {}]) {
    const { id: workloadId } = await api.workload({ sourceKind: 'crate', sourceConfig: {} });
    const body = { workloadId, override };
    bindings.push((await api.call('post', `/api/triggers/${triggerId}/bindings`, body).expect(201)).body);
  }
  return { triggerId, bindings };
}

const simulate = (triggerId: string, body: object) => api.call('post', `/api/triggers/${triggerId}/simulate`, body);
const countOf = async (table: string) =>
  Number((await api.opened.store.pool.query(`select count(*) from ${table}`)).rows[0].count);

describe('POST /api/triggers/{id}/simulate', () => {
  test('shows what would deploy, in which order, with which config and downtime; changes nothing', async () => {
    const { triggerId, bindings } = await shop();
    await api.call('post', `/api/workloads/${bindings[2]!['workloadId']}/hold`, { reason: 'freeze' });
    const before = await countOf('log.event');
    const { body } = await simulate(triggerId, { body: push }).expect(200);
    expect(body).toMatchObject({ vendor: 'generic', status: 'accepted', reason: null, events: [event] });
    expect(body.verdicts).toMatchObject([
      {
        workloadId: bindings[0]!['workloadId'],
        verdict: 'matched',
        code: 'first',
        order: 1,
        effectiveConfig: { image: 'depot.test/crate', ...follows('>=1.0.0 <2.0.0') },
        artifact: { repository: 'depot.test/crate', tag: '1.4.0', digest: DIGEST },
        steps: ['ship'],
        downtime: { class: 'none' },
      },
      { verdict: 'filtered', code: 'out-of-range', order: null, artifact: null, downtime: null },
      { verdict: 'filtered', code: 'held', order: null },
    ]);
    expect(await countOf('log.event')).toBe(before);
  });

  test('reads a payload as its vendor would, whatever its headers are written like', async () => {
    const { triggerId } = await shop();
    const ping = await simulate(triggerId, { headers: { 'X-GitHub-Event': 'ping' }, body: { zen: 'x' } }).expect(200);
    expect(ping.body).toMatchObject({ vendor: 'github', status: 'ping', events: [], verdicts: [] });
    const text = await simulate(triggerId, { body: JSON.stringify(push) }).expect(200);
    expect(text.body.verdicts[0]).toMatchObject({ verdict: 'matched' });
    expect((await simulate(triggerId, {}).expect(200)).body.vendor).toBe('manual');
    expect((await simulate(triggerId, { event }).expect(200)).body.verdicts[0]).toMatchObject({ code: 'first' });
  });

  test.each<[string, object, string]>([
    ['a body that is none', { body: 7 }, 'invalid-body'],
    ['a payload that is broken', { headers: { 'x-github-event': 'push' }, body: { ref: 7 } }, 'invalid-payload'],
    ['headers that are no text', { headers: { a: 1 }, body: {} }, 'invalid-body'],
    ['an event and a body', { event: { kind: 'manual' }, body: {} }, 'invalid-body'],
    ['an unknown event', { event: { kind: 'x' } }, 'invalid-event'],
    ['an unknown field', { boby: {} }, 'unknown-field'],
  ])('refuses %s', async (_what, body, code) => {
    const { id } = await api.trigger();
    expectProblem(await simulate(id as string, body), 400, code);
  });

  test('is for deployers', async () => {
    const { id } = await api.trigger();
    const token = await api.token('viewer');
    expectProblem(await api.call('post', `/api/triggers/${id}/simulate`, {}, { token }), 403, 'role-too-low');
  });
});

describe('POST /api/deliveries/{id}/replay', () => {
  test('judges the same events by the bindings of now; also what was accepted before', async () => {
    const { triggerId, bindings } = await shop();
    const { deliveryId } = (await api.call('post', `/api/triggers/${triggerId}/fire`, { event }).expect(202)).body;
    await judged(deliveryId);
    const before = (await api.call('get', `/api/deliveries/${deliveryId}`).expect(200)).body;
    expect(before.verdicts.map(({ code }: Answer) => code)).toEqual(['first', 'out-of-range', 'first']);
    await api.call('patch', `/api/bindings/${bindings[1]!['id']}`, { override: {} }).expect(200);

    const replayed = (await api.call('post', `/api/deliveries/${deliveryId}/replay`).expect(202)).body;
    expect(replayed).toEqual({ deliveryId: expect.any(String), status: 'accepted' });
    await judged(replayed.deliveryId);
    const after = (await api.call('get', `/api/deliveries/${replayed.deliveryId}`).expect(200)).body;
    expect(after).toMatchObject({ origin: 'replay', replayOf: deliveryId, events: before.events });
    expect(after.verdicts.map(({ verdict }: Answer) => verdict)).toEqual(['matched', 'matched', 'matched']);
    const body = (await api.call('get', `/api/deliveries/${replayed.deliveryId}/body`).expect(200)).body;
    expect(JSON.parse(body.body)).toEqual(event);
  });

  test('has nothing to do for a ping, a deleted trigger or an unknown delivery', async () => {
    const { id } = await api.trigger();
    const { deliveryId } = (await api.call('post', `/api/triggers/${id}/fire`, { event }).expect(202)).body;
    await api.call('delete', `/api/triggers/${id}`).expect(204);
    expectProblem(await api.call('post', `/api/deliveries/${deliveryId}/replay`), 409, 'trigger-gone');
    const nowhere = '01980000-0000-7000-8000-000000000000';
    expectProblem(await api.call('post', `/api/deliveries/${nowhere}/replay`), 404, 'not-found');
  });
});

/** By a worker of the test's own: there is none beside the API here. */
async function judged(deliveryId: string): Promise<void> {
  const { store, secrets } = api.opened;
  const { registry } = await import('#plugins/triggers/registry/registry');
  const plugins = { sources: [crateSource()], triggers: [registry] };
  const lease = { leaseMs: 2_000, renewMs: 600, trustMs: 1_400, sweepMs: 400 };
  await processDelivery({ store, secrets, plugins, lease, owner: 'w', http: {} } as never, deliveryId);
}

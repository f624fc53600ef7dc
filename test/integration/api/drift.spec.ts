import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observation } from '#domain/observation';
import { removal } from '#domain/removal';
import { on } from '#store/operation';
import { gone, leftover, observed } from '../../unit/domain/samples.js';
import { expectProblem, startTestApi, type Api } from './fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
let api: Api;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

describe('the drift of a workload', () => {
  it('is unobserved, then what was seen, and stands in the history without moving its version', async () => {
    const { id, version } = await api.workload();
    const drift = async () => (await api.call('get', `/api/workloads/${id}/drift`).expect(200)).body as object;
    expect(await drift()).toMatchObject({
      state: 'unobserved',
      policy: 'heal',
      findings: [],
      healing: null,
      lastHealed: null,
    });
    const seen = { ...observed, workloadId: id as string, deploymentId: null, state: 'missing' as const };
    const about = { type: 'RecordObservation', observed: seen, policy: 'heal', healedBy: null } as const;
    const record = (findings: (typeof gone)[], at: string) =>
      api.opened.store.commit([on(observation, id as string, { ...about, findings, at })], CAUSE);
    await record([gone], '2026-03-01T12:00:00.000Z');
    expect(await drift()).toMatchObject({ state: 'drifted', findings: [gone], since: '2026-03-01T12:00:00.000Z' });
    await record([], '2026-03-01T12:01:00.000Z');
    expect(await drift()).toMatchObject({
      state: 'in-sync',
      since: null,
      lastHealed: { healedBy: null, findings: [gone] },
    });
    const pages: string[] = [];
    for (let cursor = ''; ;) {
      const page = (await api.call('get', `/api/workloads/${id}/history?limit=2${cursor}`).expect(200)).body;
      pages.push(...(page.items as { type: string }[]).map(({ type }) => type));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(pages).toEqual(['DriftHealed', 'DriftObserved', 'ContainersObserved', 'WorkloadCreated']);
    expect((await api.call('get', `/api/workloads/${id}`).expect(200)).body.version).toBe(version);
  });

  it('is seen by whoever sees the workload', async () => {
    const [mine, other] = [await api.workload(), await api.workload()];
    const token = await api.token('viewer', [mine['id'] as string]);
    await api.call('get', `/api/workloads/${mine['id']}/drift`, undefined, { token }).expect(200);
    expectProblem(await api.call('get', `/api/workloads/${other['id']}/drift`, undefined, { token }), 404, 'not-found');
  });
});

describe('a removal of many', () => {
  it('waits for an admin, and is confirmed as it was seen', async () => {
    expectProblem(await api.call('get', '/api/nodes/default/removal'), 404, 'not-found');
    expectProblem(await api.call('post', '/api/nodes/default/confirm-removal'), 404, 'not-found');
    const hold = { type: 'HoldRemoval', node: 'default', containers: [leftover], total: 7 } as const;
    await api.opened.store.commit([on(removal, 'default', hold)], CAUSE);
    const held = (await api.call('get', '/api/nodes/default/removal').expect(200)).body;
    expect(held).toMatchObject({ status: 'held', total: 7, containers: [leftover] });
    const token = await api.token('editor');
    expectProblem(
      await api.call('post', '/api/nodes/default/confirm-removal', undefined, { token }),
      403,
      'role-too-low',
    );
    const confirmed = (await api.call('post', '/api/nodes/default/confirm-removal').expect(200)).body;
    expect(confirmed).toMatchObject({ status: 'confirmed', total: 7, containers: [leftover] });
  });
});

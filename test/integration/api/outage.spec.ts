import { expect, test } from 'vitest';
import { startCluster } from '../../support/cluster.js';
import { expectProblem, startTestApi } from './fixture.js';

test('while Postgres is down what needs it is 503, at once, and the rest answers', async () => {
  const cluster = await startCluster();
  const api = await startTestApi({ clusterUrl: cluster.url('postgres') });
  try {
    const made = await api.workload();
    await cluster.stop();
    const asked = [
      ['get', '/api/workloads', undefined],
      ['get', `/api/workloads/${made['id']}`, undefined],
      ['post', '/api/workloads', { name: 'late', sourceKind: 'image', sourceConfig: { image: 'a' } }],
      ['patch', `/api/workloads/${made['id']}`, { title: 'x' }],
      ['post', '/api/triggers', { kind: 'manual', name: 'late' }],
      ['get', '/api/deployments', undefined],
      ['get', '/api/events', undefined],
    ] as const;
    for (const [method, path, body] of asked) {
      const answer = await api.call(method, path, body);
      expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(503);
      expect(answer.body.code).toMatch(/^database-un(available|reachable)$/);
      expect(answer.body.detail).not.toMatch(/ENOENT|ECONN|\/tmp|select/);
    }
    expectProblem(await api.call('get', '/api/me', undefined, { token: 'tf_anything' }), 503, 'database-unavailable');
    expect((await api.call('get', '/readyz', undefined, { token: null })).status).toBe(503);
    await api.call('get', '/healthz', undefined, { token: null }).expect(200);
    await api.call('get', '/metrics', undefined, { token: null }).expect(200);
    await api.call('get', '/api/plugins').expect(200);
  } finally {
    await api.stop();
  }
});

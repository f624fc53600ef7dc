import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployment, type DeploymentCommand } from '#domain/deployment';
import { workload } from '#domain/workload';
import { on } from '#store/operation';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';
import { pushManifest } from './push-manifest.js';

const BY_TEST = { actor: 'system:test', correlationId: 'test' };
const VOLUMES = [{ scope: 'project_named', source: 'db', target: '/db' }];

let api: Api;
let registry: RunningRegistry;
let digest: string;
beforeAll(async () => {
  [api, registry] = await Promise.all([startTestApi(), startRegistry()]);
  digest = await pushManifest(registry.host, 'acme/shop', '1.0.0');
  await api.call('post', '/api/registries', { name: 'local', host: registry.host, insecure: true }).expect(201);
});
afterAll(async () => {
  await registry?.stop();
  await api?.stop();
});

const shop = (more: object = {}, config: object = {}) => {
  const sourceConfig = { image: `${registry.host}/acme/shop`, port: 8080, ...config };
  return api.workload({ sourceConfig, faces: [{ host: `${crypto.randomUUID()}.test` }], ...more });
};
const plan = (of: Answer, query = 'tag=1.0.0') => api.call('get', `/api/workloads/${of['id']}/plan?${query}`);
const reasonsOf = async (of: Answer) => (await plan(of).expect(200)).body.downtime.reasons as string[];
const deploymentsOf = async ({ id }: Answer) =>
  (await api.call('get', `/api/workloads/${id}/deployments`).expect(200)).body.items as Answer[];

async function deploy({ id: workloadId }: Answer): Promise<void> {
  const { body } = await api.call('post', `/api/workloads/${workloadId}/deploy`, { tag: '1.0.0' }).expect(202);
  const record = (command: DeploymentCommand) => api.opened.store.commit([on(deployment, body.id, command)], BY_TEST);
  const about = { steps: ['route'], commitStep: 'route', owner: 'w1', previousDeploymentId: null };
  await record({ type: 'ClaimDeployment', ...about });
  await record({ type: 'CompleteStep', step: 'route', facts: {} });
}

describe('GET /api/workloads/{id}/plan', () => {
  test('tells the steps, the artifact and the downtime, and stores nothing', async () => {
    const of = await shop();
    expect((await plan(of).expect(200)).body).toMatchObject({
      artifact: { digest },
      steps: ['pull', 'create', 'start', 'wait-healthy', 'route', 'retire'],
      downtime: { class: 'none', reasons: [expect.stringContaining('first deployment')] },
      config: { drainSeconds: 10, maxInstances: 1 },
    });
    expect(await deploymentsOf(of)).toEqual([]);
  });

  test('says that nothing would change, and not when anything does', async () => {
    const of = await shop({ env: { MODE: { value: 'one' } } });
    await deploy(of);
    expect(await reasonsOf(of)).toEqual([expect.stringMatching(/^Nothing changed/)]);
    await api.call('put', `/api/workloads/${of['id']}/env/MODE`, { value: 'two' }).expect(200);
    expect(await reasonsOf(of)).toEqual([]);
    await api.call('put', `/api/workloads/${of['id']}/env/MODE`, { value: 'one' }).expect(200);
    expect(await reasonsOf(of)).toHaveLength(1);
    await api.call('patch', `/api/workloads/${of['id']}`, { sourceConfig: { ...of['sourceConfig'], port: 9090 } });
    expect(await reasonsOf(of)).toEqual([]);
  });

  test('warns of a volume that both write to, and of a health check that is off', async () => {
    const of = await shop({ volumes: VOLUMES }, { healthcheck: null });
    await deploy(of);
    await api.call('put', `/api/workloads/${of['id']}/env/MODE`, { value: 'two' }).expect(200);
    expect(await reasonsOf(of)).toEqual([
      expect.stringContaining('/db (project_named volume db) is writable'),
      expect.stringContaining('health check is off'),
    ]);
  });

  test('says that it will be refused while another workload serves its host', async () => {
    const before = await shop();
    await deploy(before);
    await api.call('patch', `/api/workloads/${before['id']}`, { faces: [] }).expect(200);
    const of = await shop({ faces: [{ host: before['faces'][0].host }] });
    expect((await reasonsOf(of))[0]).toContain(`is served by workload ${before['name']}`);
    await deploy(before);
    expect((await reasonsOf(of)).join()).not.toContain('served by');
  });

  test('says that a stopped workload is started by it', async () => {
    const of = await shop();
    await deploy(of);
    await api.call('post', `/api/workloads/${of['id']}/stop`, {}).expect(202);
    expect((await reasonsOf(of))[0]).toContain('is stopped');
  });

  test('tells of a private network that only what is routed is safe', async () => {
    const of = await shop({}, { network: 'backend' });
    await deploy(of);
    expect((await plan(of).expect(200)).body.downtime).toMatchObject({ class: 'routed-only' });
  });

  test('is refused for a workload that is being deleted, and for one that is gone or unknown', async () => {
    const of = await shop();
    await api.call('delete', `/api/workloads/${of['id']}`).expect(202);
    expectProblem(await plan(of), 409, 'workload-deleting');
    await api.opened.store.commit([on(workload, of['id'], { type: 'RecordTornDown' })], BY_TEST);
    expectProblem(await plan(of), 404, 'not-found');
    expectProblem(await plan({ id: crypto.randomUUID() }), 404, 'not-found');
  });

  test.each([
    ['a bad tag', 'tag=--x', 'invalid-query'],
    ['a field that there is not', 'version=1', 'unknown-field'],
  ])('refuses %s', async (_what, query, code) => {
    expect((await plan(await shop(), query)).body).toMatchObject({ status: 400, code });
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS } from '#domain/naming';
import { SOURCES } from '#plugins/sources/sources';
import { FIXTURES } from '../conformance/sources.js';
import { SECRET_NAME, type SourceSubject } from '../conformance/source-fixture.js';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { engineJson } from '../support/engine-call.js';
import { getFace } from '../support/face-client.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { findInTables } from '../support/secret-search.js';
import { until } from '../support/until.js';

const SECRET = 'CANARY-conformance-81c4f0';
const PROXY = { TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' };

let ground: Ground;
let apps: Apps;
let client: Client;
let docker: Docker;

beforeAll(async () => {
  ground = await prepareGround({ ...PROXY, TINYFORGE_OBSERVE_MS: '500', LOG_LEVEL: 'debug' });
  docker = createDocker({ host: ground.env['DOCKER_HOST']! });
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
});
afterAll(async () => {
  await apps?.stop();
  await ground?.clear();
});

/** One workload's life, in the order of the tests: each goes on where the one before it ended. */
describe.each(FIXTURES.map((fixture) => [fixture.kind, fixture] as const))(
  'a workload of source %s',
  (kind, fixture) => {
    const host = `${kind}.example.org`;
    const deployments: string[] = [];
    let subject: SourceSubject;
    let workload: Json;
    let first: object;

    beforeAll(async () => {
      subject = await fixture.open({ dockerHost: ground.env['DOCKER_HOST']!, client });
      const env = { [SECRET_NAME]: { value: SECRET, secret: true } };
      const about = { name: `conf-${kind}`, sourceKind: kind, sourceConfig: subject.config, env };
      workload = await client.post('/workloads', { ...about, faces: [{ host }] });
    });
    afterAll(() => subject?.close());

    const read = (path = '') => client.get(`/workloads/${workload.id}${path}`);
    const containers = () => docker.listContainers([`${LABELS.workloadId}=${workload.id}`]);
    const served = async () => (await getFace({ port: apps.ports['proxy']!, host })).body;
    async function deploy(wish: object, path = 'deploy'): Promise<Json> {
      const { id } = await client.post(`/workloads/${workload.id}/${path}`, wish);
      deployments.push(id);
      return await until(async () => {
        const detail = await client.get(`/deployments/${id}`);
        const isOver =
          detail.status !== 'succeeded' || detail.steps.every(({ status }: Json) => status === 'completed');
        return !['waiting', 'running'].includes(detail.status) && isOver ? detail : null;
      }, `deployment ${id} to end`);
    }
    /** Nothing to heal in two looks, and nothing of any other deployment. */
    async function expectInSync(): Promise<void> {
      const { currentDeploymentId, state } = await read();
      expect(state).toBe('running');
      await until(async () => (await read('/drift')).state === 'in-sync', 'the workload to be seen in sync');
      expect(await read('/drift')).toMatchObject({ findings: [] });
      // A source may leave alone what did not change: that is of an earlier deployment, and of this release all the same.
      const listed = (await read('/containers')).items.map(({ containerId }: Json) => containerId);
      for (const { id, labels } of await containers())
        if (labels[LABELS.deploymentId] !== currentDeploymentId) expect(listed).toContain(id);
    }
    const healings = async () =>
      (await read('/deployments')).items.filter(({ reason }: Json) => reason === 'drift').length as number;

    test('is deployed, and then there is nothing to heal', async () => {
      first = await subject.publish('1.0.0', 'good');
      const plan = await read(`/plan?${new URLSearchParams(first as Record<string, string>).toString()}`);
      const deployment = await deploy(first);
      expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ status: 'succeeded' });
      expect(deployment.steps.map(({ name }: Json) => name)).toEqual(plan.steps);
      expect(await served()).toContain('1.0.0');
      await expectInSync();
      expect(await healings()).toBe(0);
    });

    test('is the same when it is deployed again', async () => {
      const again = await deploy(first);
      expect(['succeeded', 'skipped']).toContain(again.status);
      expect(await served()).toContain('1.0.0');
      await expectInSync();
    });

    test('goes on serving when a version cannot be brought up, which says why', async () => {
      const { currentDeploymentId } = await read();
      const failed = await deploy(await subject.publish('1.0.1', 'bad'));
      expect(failed).toMatchObject({
        status: 'failed',
        error: {
          step: expect.any(String),
          code: expect.any(String),
          class: expect.any(String),
          attempt: expect.any(Number),
        },
      });
      expect(await served()).toContain('1.0.0');
      expect(await read()).toMatchObject({ currentDeploymentId });
      await expectInSync();
    });

    test('is replaced, and rolled back', async () => {
      expect(await deploy(await subject.publish('1.1.0', 'good'))).toMatchObject({ status: 'succeeded' });
      expect(await served()).toContain('1.1.0');
      await expectInSync();
      expect(await deploy({}, 'rollback')).toMatchObject({ status: 'succeeded', reason: 'rollback' });
      expect(await served()).toContain('1.0.0');
      await expectInSync();
      expect(await healings()).toBe(0);
    });

    test('comes back when somebody takes its containers away', async () => {
      const before = await containers();
      expect(before).not.toEqual([]);
      for (const { id } of before) await docker.removeContainer(id);
      await until(async () => (await read('/drift')).lastHealed !== null, 'it to be healed');
      expect(await served()).toContain('1.0.0');
      await expectInSync();
    });

    test.runIf(SOURCES.find((each) => each.kind === kind)!.stop)('is stopped and started', async () => {
      await client.post(`/workloads/${workload.id}/stop`);
      await until(async () => (await read()).runStateReached, 'it to be stopped');
      expect((await containers()).filter(({ state }) => state === 'running')).toEqual([]);
      expect((await getFace({ port: apps.ports['proxy']!, host })).status).toBe(503);
      await client.post(`/workloads/${workload.id}/start`);
      await until(async () => (await read()).runStateReached, 'it to be started');
      expect(await served()).toContain('1.0.0');
      await expectInSync();
    });

    test('tells its secret to nobody but its containers', async () => {
      const { TOKEN } = (await read('/env')).env;
      expect(TOKEN).toMatchObject({ value: { $secret: 'set' }, secret: true });
      const answers = await answersOf(workload.id, deployments);
      if (subject.printsSecret) expect(answers).toContain('•••');
      expect(answers).not.toContain(SECRET);
      expect(await findInTables(ground.env['DATABASE_URL']!, SECRET)).toEqual([]);
      const made = await Promise.all((await containers()).map(({ id }) => inspect(id)));
      expect(
        made.map(({ Name, Config: { Labels }, HostConfig }) => JSON.stringify([Name, Labels, HostConfig])),
      ).not.toEqual([]);
      for (const { Name, Config, HostConfig } of made)
        expect(JSON.stringify([Name, Config.Labels, HostConfig])).not.toContain(SECRET);
      expect(apps.output()).not.toContain(SECRET);
    });

    test('leaves nothing behind that is labelled as its own, and its name is free', async () => {
      await client.send('DELETE', `/workloads/${workload.id}`);
      await until(async () => (await client.send('GET', `/workloads/${workload.id}`)).status === 404, 'it to be gone');
      expect(await containers()).toEqual([]);
      const filters = encodeURIComponent(JSON.stringify({ label: [`${LABELS.workloadId}=${workload.id}`] }));
      expect(await engineJson(ground.env['DOCKER_HOST']!, { path: `/networks?filters=${filters}` })).toEqual([]);
      expect(await findInTables(ground.env['DATABASE_URL']!, SECRET)).toEqual([]);
      expect(apps.output()).not.toContain(SECRET);
      const { status, body } = await client.send('POST', '/workloads', {
        name: workload.name,
        sourceKind: kind,
        sourceConfig: subject.config,
      });
      expect(status, JSON.stringify(body)).toBe(201);
    });
  },
);

interface Inspected {
  readonly Name: string;
  readonly Config: { readonly Labels: object };
  readonly HostConfig: object;
}

async function inspect(id: string): Promise<Inspected> {
  return (await engineJson(ground.env['DOCKER_HOST']!, { path: `/containers/${id}/json` })) as Inspected;
}

/** What a reader of the API gets to see of it. */
async function answersOf(id: string, deployments: readonly string[]): Promise<string> {
  const below = [
    '',
    '/env',
    '/env/versions',
    '/plan',
    '/containers',
    '/deployments',
    '/releases',
    '/drift',
    '/history',
  ];
  const paths = [
    ...below.map((path) => `/workloads/${id}${path}`),
    `/workloads/${id}/logs?follow=false`,
    '/events?limit=200',
    ...deployments.flatMap((each) => [`/deployments/${each}`, `/deployments/${each}/log?follow=false`]),
  ];
  return (await Promise.all(paths.map((path) => client.text(path)))).join('\n');
}

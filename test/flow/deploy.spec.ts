import { afterAll, beforeAll, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, startEngineRoom, type Ground, type Platform } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { onNew } from '#store/operation';
import { registry as registryRecord } from '#domain/registry';
import { until } from '../support/until.js';
import { createWorkload, finished, requestRelease } from '../support/workloads.js';

let ground: Ground;
let platform: Platform;
let registry: RunningRegistry;

beforeAll(async () => {
  ground = await prepareGround();
  registry = await startRegistry();
  platform = await startEngineRoom(ground);
  const id = uuidv7();
  const settings = {
    name: 'local',
    host: registry.host,
    username: null,
    password: null,
    kind: 'distribution',
    insecure: true,
  };
  await platform.parts.store.commit([onNew(registryRecord, id, { type: 'CreateRegistry', id, settings })], {
    actor: 'system:test',
    correlationId: 'test',
  });
});

afterAll(async () => {
  await platform?.stop();
  await registry?.stop();
  await ground?.clear();
});

async function pushed(version: string, mode: 'ok' | 'exits' = 'ok') {
  const repository = `${registry.host}/acme/demo`;
  const dockerHost = ground.env['DOCKER_HOST']!;
  await buildImage(dockerHost, { tag: `${repository}:${version}`, ...demoImage({ version, mode }) });
  const digest = await pushImage(dockerHost, `${repository}:${version}`);
  return { repository, tag: version, digest };
}

test('a release runs, a broken one leaves it running and says why', async () => {
  const { store } = platform.parts;
  const demo = await createWorkload(store, {
    config: { image: `${registry.host}/acme/demo`, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 },
  });

  const first = await finished(store, await requestRelease(store, demo, await pushed('1.0.0')));
  expect(first).toMatchObject({
    status: 'succeeded',
    completed: ['pull', 'create', 'start', 'wait-healthy', 'route', 'retire'],
  });

  const second = await finished(store, await requestRelease(store, demo, await pushed('1.1.0', 'exits')));
  expect(second).toMatchObject({ status: 'failed', failure: { step: 'wait-healthy', code: 'container-exited' } });
});

test('a newer request waits for a running one that is tried again later', async () => {
  const { store } = platform.parts;
  const config = { image: `${registry.host}/acme/demo`, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 };
  const demo = await createWorkload(store, { config });
  const good = await pushed('1.0.1');
  // Nobody answers there: the pull is tried again.
  const away = { ...good, repository: '127.0.0.1:9/acme/demo', digest: `sha256:${'0'.repeat(64)}` };
  const first = await requestRelease(store, demo, away);
  await until(async () => (await deploymentRow(store, first)).retry_at !== null, 'the pull to be put off');
  const second = await requestRelease(store, demo, good);
  await until(async () => (await deploymentRow(store, first)).attempt >= 2, 'the pull to be tried again');
  expect(await deploymentRow(store, second)).toMatchObject({ status: 'waiting', error: null });
});

interface Row {
  readonly status: string;
  readonly retry_at: Date | null;
  readonly error: object | null;
  readonly attempt: number;
}

async function deploymentRow(store: Platform['parts']['store'], id: string): Promise<Row> {
  const { rows } = await store.pool.query<Row>(
    `select status, retry_at, error, coalesce((select max(attempt) from view.step where deployment_id = d.id), 0) as attempt
      from view.deployment d where id = $1`,
    [id],
  );
  return rows[0]!;
}

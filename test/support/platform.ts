import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDocker } from '#docker/connect';
import { LABELS, privateNetworkName } from '#domain/naming';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll, type Stoppable } from '#runtime/start';
import { startReconciler } from '../../apps/reconciler/src/start-reconciler.js';
import { startWorker } from '../../apps/deploy-worker/src/start-worker.js';
import { ensureEngine } from './engine.js';
import { engineCall } from './engine-call.js';
import { removeImage } from './images.js';
import { createDatabase } from './postgres.js';
import { runQuery } from './query.js';

/** The environment of one platform of its own: database, folder, ports, names. */
export interface Ground {
  readonly env: Readonly<Record<string, string>>;
  readonly adminToken: string;
  clear(): Promise<void>;
}

export async function prepareGround(more: Readonly<Record<string, string>> = {}): Promise<Ground> {
  const database = await createDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'tf-'));
  const adminToken = randomBytes(24).toString('hex');
  const env = {
    DATABASE_URL: database.url,
    DOCKER_HOST: await ensureEngine(),
    TINYFORGE_DATA_DIR: dataDir,
    TINYFORGE_API_PORT: '0',
    TINYFORGE_INGRESS_PORT: '0',
    TINYFORGE_PROXY: 'none',
    TINYFORGE_ADMIN_TOKEN: adminToken,
    // A fifth of the real one: what waits for a lease to end does not take the test's time.
    TINYFORGE_LEASE_MS: '2000',
    TINYFORGE_OBSERVE_MS: '2000',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    ...more,
  };
  const clear = async () => {
    await removeContainers(env.DOCKER_HOST, database.url);
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { env, adminToken, clear };
}

/** What the workloads of this database left running. */
async function removeContainers(dockerHost: string, databaseUrl: string): Promise<void> {
  const docker = createDocker({ host: dockerHost });
  const workloads = await runQuery<{ id: string; sourceKind: string }>(
    databaseUrl,
    'select id, source_kind as "sourceKind" from view.workload',
  );
  for (const { id, sourceKind } of workloads) {
    const containers = await docker.listContainers([`${LABELS.workloadId}=${id}`]);
    await Promise.all(containers.map((container) => docker.removeContainer(container.id)));
    if (sourceKind === 'static') await removeBuilt(dockerHost, `${LABELS.workloadId}=${id}`);
  }
  const networks = await runQuery<{ name: string; installation: string }>(
    databaseUrl,
    'select n.name, i.id as installation from state.network n, state.installation i where n.name is not null',
  );
  for (const { installation, name } of networks) await docker.removeNetwork(privateNetworkName(installation, name));
}

/** Images and volumes with that label. */
async function removeBuilt(dockerHost: string, label: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const images = await engineCall(dockerHost, { method: 'GET', path: `/images/json?filters=${filters}` });
  for (const { Id } of JSON.parse(images.text) as { Id: string }[]) await removeImage(dockerHost, Id);
  const volumes = await engineCall(dockerHost, { method: 'GET', path: `/volumes?filters=${filters}` });
  for (const { Name } of (JSON.parse(volumes.text) as { Volumes: { Name: string }[] | null }).Volumes ?? [])
    await engineCall(dockerHost, { method: 'DELETE', path: `/volumes/${Name}` });
}

export interface Platform {
  readonly parts: Parts;
  stop(): Promise<void>;
}

/** Worker and reconciler in this process: enough for whatever begins with a command to the store. */
export async function startEngineRoom(ground: Ground): Promise<Platform> {
  const parts = await openProcess('all-in-one', ground.env);
  const stoppables: Stoppable[] = [startWorker(parts), (await startReconciler(parts)).stoppable, ...parts.stoppables];
  return {
    parts,
    stop: async () => {
      await stopAll(stoppables, { logger: parts.logger, stopMs: 20_000, why: 'test' });
    },
  };
}

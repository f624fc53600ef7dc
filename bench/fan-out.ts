import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { v7 as uuidv7 } from 'uuid';
import { createDocker } from '#docker/connect';
import { SOURCES } from '#plugins/sources/sources';
import { TRIGGERS } from '#plugins/triggers/triggers';
import type { Parts } from '#process/open-process';
import type { QueueBackend } from '#queue/backend';
import { connectPostgres } from '#queue/postgres';
import { deliveryItem } from '#store/record-delivery';
import { createComposeCli } from '../apps/deploy-worker/src/compose-cli.js';
import type { WorkerDeps } from '../apps/deploy-worker/src/deps.js';
import { processDelivery } from '../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { until } from '../test/support/until.js';
import type { Measured } from './figure.js';
import { openGround, type Cluster, type OpenGround } from './ground.js';
import { CAUSE, createBound, createTrigger, type BenchTrigger } from './records.js';
import { inTurn, instant, median } from './rounds.js';

const BINDINGS = 1_000;
const ROUNDS = 4;
const LIMIT = 2;
const IMAGE = 'ghcr.io/acme/shop';

/** From one delivery in a worker's hands until each of 1,000 bindings has its job; against one insert and one `addBulk`. */
export async function fanningOut(cluster: Cluster): Promise<Measured> {
  const ground = await openGround(cluster);
  const { parts, databaseUrl } = ground;
  const backend = await connectPostgres({ databaseUrl, poolSize: 4, migrate: false, onError: () => undefined });
  try {
    await parts.store.pool.query(
      'create table public.bare (id uuid primary key, workload_id uuid not null, data jsonb not null)',
    );
    // The first round warms both up; each has a trigger and a queue of its own.
    const triggers: BenchTrigger[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) triggers.push(await bound(parts, round));
    await parts.store.pool.query('analyze');
    await oursOnce(ground, triggers[ROUNDS]!, ROUNDS);
    await bareOnce(parts, backend, ROUNDS);
    const { ours, reference } = await inTurn(
      ROUNDS,
      (round) => oursOnce(ground, triggers[round]!, round),
      (round) => bareOnce(parts, backend, round),
    );
    const figure = {
      what: `fan-out to ${BINDINGS} bindings, all queued`,
      unit: 'ms',
      ours: median(ours),
      reference: median(reference),
      limit: LIMIT,
    } as const;
    return {
      figures: [figure],
      notes: [`reference: one INSERT of ${BINDINGS} rows and one addBulk; median of ${ROUNDS}, in turn`],
    };
  } finally {
    await backend.close(2_000);
    await ground.clear();
  }
}

async function bound(parts: Parts, round: number): Promise<BenchTrigger> {
  const trigger = await createTrigger(parts);
  await createBound(parts, { triggerId: trigger.id, count: BINDINGS, image: IMAGE, node: `bench-${round}` });
  return trigger;
}

async function oursOnce(ground: OpenGround, trigger: BenchTrigger, round: number): Promise<number> {
  const { parts } = ground;
  const deliveryId = await record(parts, trigger);
  const from = instant();
  await processDelivery(workerDeps(ground, `bench-${round}`), deliveryId);
  await until(
    async () => (await parts.queues.counts(`deploy-bench-${round}`))?.waiting === BINDINGS,
    'all jobs to be queued',
  );
  return instant() - from;
}

async function record({ store, secrets }: Parts, trigger: BenchTrigger): Promise<string> {
  const id = uuidv7();
  const event = {
    kind: 'image-push',
    registry: 'ghcr.io',
    repository: 'acme/shop',
    tag: '1.0.0',
    digest: `sha256:${'a'.repeat(64)}`,
  };
  const origin = { triggerId: trigger.id, triggerKind: 'registry', origin: 'webhook', vendor: 'github' } as const;
  const received = { id, ...origin, events: [event], status: 'accepted', reason: null, replayOf: null } as const;
  const [outcome] = await store.appendBatch([
    deliveryItem(store, secrets, { received, body: null, bodyDays: 1, keys: [] }, CAUSE),
  ]);
  if (outcome instanceof Error) throw outcome;
  return id;
}

function workerDeps({ parts }: OpenGround, node: string): WorkerDeps {
  const { lease, portRange, subnetPool, dockerHost } = parts.config;
  const plugins = { sources: SOURCES, triggers: TRIGGERS };
  return {
    ...parts,
    docker: createDocker({ host: dockerHost }),
    plugins,
    node,
    lease,
    portRange,
    subnetPool,
    workDirectory: '/nonexistent',
    composeDirectory: '/nonexistent',
    composeCli: createComposeCli('unix:///nonexistent'),
    routesDirectory: '/nonexistent',
    protectedPaths: [],
    concurrency: 1,
  };
}

async function bareOnce({ store }: Parts, backend: QueueBackend, round: number): Promise<number> {
  const queue = new Queue(
    `bare-${round}`,
    { connection: {}, streams: { events: { maxLen: 10_000 } } },
    backend.factory,
  );
  await queue.waitUntilReady();
  const release = {
    artifact: { kind: 'image', repository: IMAGE, tag: '1.0.0', digest: `sha256:${'a'.repeat(64)}` },
    config: { image: IMAGE, port: 8080 },
  };
  const rows = Array.from({ length: BINDINGS }, () => ({
    id: uuidv7(),
    workload_id: randomUUID(),
    data: { reason: 'webhook', release },
  }));
  const from = instant();
  await store.pool.query(
    'insert into public.bare select * from jsonb_to_recordset($1::jsonb) as r(id uuid, workload_id uuid, data jsonb)',
    [JSON.stringify(rows)],
  );
  await queue.addBulk(
    rows.map(({ id }) => ({
      name: 'deploy',
      data: { id },
      opts: { jobId: `deploy-${id}-0`, removeOnComplete: true, removeOnFail: true },
    })),
  );
  const ms = instant() - from;
  await queue.close();
  return ms;
}

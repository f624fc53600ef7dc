import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { binding, type Override } from '#domain/binding';
import { delivery } from '#domain/delivery';
import { DEFAULT_SETTINGS, SETTINGS_ID, settings, type Settings } from '#domain/settings';
import { trigger } from '#domain/trigger';
import { DEFAULT_POLICY, workload, type WorkloadCommand } from '#domain/workload';
import type { InboundEvent } from '#plugins/inbound';
import { registry } from '#plugins/triggers/registry/registry';
import type { Trigger } from '#plugins/trigger';
import { enqueueReactions } from '#queue/enqueue-reactions';
import { createQueues } from '#queue/queues';
import { leaseTimes } from '#runtime/config';
import { createHttp } from '#runtime/http';
import { createLogger } from '#runtime/logging';
import { openStore } from '#store/open-store';
import { on, onNew, type Operation } from '#store/operation';
import { createComposeCli } from '../../../apps/deploy-worker/src/compose-cli.js';
import type { WorkerDeps } from '../../../apps/deploy-worker/src/deps.js';
import type { CrateSource } from '../../support/crate.js';
import { FakeDocker } from '../../support/fake-docker.js';
import { createDatabase } from '../../support/postgres.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const push = (tag: string, digest: string | null = DIGEST): InboundEvent => ({
  kind: 'image-push',
  registry: 'depot.test',
  repository: 'crate',
  tag,
  digest,
});
/** An override by which the binding follows that tag. */
export const follow = (tag: string): Override => ({ select: { policy: 'exact', tag } });

export interface Bound {
  readonly bindingId: string;
  readonly workloadId: string;
  readonly name: string;
}

export interface BoundOptions {
  readonly override?: Override;
  readonly enabled?: boolean;
  readonly sourceKind?: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface FanOutOptions {
  readonly source: CrateSource;
  readonly triggers?: readonly Trigger[];
  readonly redisUrl?: string;
  readonly leaseMs?: number;
  /** False: what is committed puts no jobs in, as if every one was lost. */
  readonly enqueues?: boolean;
}

export type FanOut = Awaited<ReturnType<typeof startFanOut>>;

/** What a deploy worker is made of, over a database of its own, with a source that needs no Docker. */
export async function startFanOut({
  source,
  triggers = [],
  redisUrl,
  leaseMs = 2_000,
  enqueues = true,
}: FanOutOptions) {
  const database = await createDatabase();
  const opened = await openStore({
    databaseUrl: database.url,
    dataDir: '/nonexistent',
    masterKey: randomBytes(32).toString('hex'),
    mayPrepare: true,
    applicationName: 'test',
    onError: () => undefined,
  });
  const { store, secrets } = opened;
  const queues = await createQueues({
    databaseUrl: database.url,
    redisUrl: redisUrl ?? null,
    onError: () => undefined,
  });
  if (enqueues) store.onCommitted((events) => enqueueReactions(queues, events));
  const http = createHttp();
  const deps: WorkerDeps = {
    store,
    secrets,
    queues,
    http,
    docker: new FakeDocker(Date.now),
    plugins: { sources: [source], triggers: [registry, ...triggers] },
    logger: createLogger({ app: 'deploy-worker', level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
    node: 'default',
    installation: opened.installation,
    owner: 'worker-1',
    lease: leaseTimes(leaseMs),
    subnetPool: '10.214.0.0/16',
    portRange: { first: 20_000, last: 20_009 },
    routesDirectory: '/nonexistent',
    workDirectory: '/nonexistent',
    composeDirectory: '/nonexistent',
    composeCli: createComposeCli('unix:///nonexistent'),
    protectedPaths: [],
    concurrency: 8,
  };
  const commit = (operations: readonly Operation[]) => store.commit(operations, CAUSE);
  const rows = async (sql: string, values: readonly unknown[] = []) =>
    (await store.pool.query<Record<string, unknown>>(sql, [...values])).rows;
  const bindAll = async (triggerId: string, wanted: readonly BoundOptions[]): Promise<Bound[]> => {
    const made = wanted.map((options) => boundOperations(triggerId, options));
    for (let at = 0; at < made.length; at += 100)
      await commit(made.slice(at, at + 100).flatMap(({ operations }) => operations));
    return made.map(({ bound }) => bound);
  };
  return {
    deps,
    store,
    rows,
    bindAll,
    databaseUrl: database.url,
    async trigger({
      kind = 'registry',
      config = follow('main'),
    }: { kind?: string; config?: Readonly<Record<string, unknown>> } = {}): Promise<string> {
      const id = uuidv7();
      const urlSecret = { hash: id, ref: { secretId: id, version: 1, fingerprint: '' } };
      const own = { name: id, config, webhookEnabled: true, vendor: null, signingSecret: null };
      await commit([onNew(trigger, id, { type: 'CreateTrigger', id, kind, urlSecret, settings: own })]);
      return id;
    },
    async deliver(triggerId: string, events: readonly InboundEvent[] = [push('main')]): Promise<string> {
      const id = uuidv7();
      const about = {
        id,
        triggerId,
        triggerKind: 'registry',
        origin: 'webhook',
        vendor: 'generic',
        replayOf: null,
      } as const;
      const received = { ...about, events: events as never, status: 'accepted', reason: null } as const;
      await commit([onNew(delivery, id, { type: 'RecordDelivery', received })]);
      return id;
    },
    change: (workloadId: string, command: WorkloadCommand) => commit([on(workload, workloadId, command)]),
    override: (bindingId: string, override: Override) =>
      commit([on(binding, bindingId, { type: 'ChangeBinding', override })]),
    set: (changes: Partial<Settings>) =>
      commit([on(settings, SETTINGS_ID, { type: 'ChangeSettings', changes: { ...DEFAULT_SETTINGS, ...changes } })]),
    /** By the binding, in the order of the verdicts. */
    verdicts: (deliveryId: string) =>
      rows(
        `select binding_id as "bindingId", verdict, code, reason, deployment_id as "deploymentId", inputs from view.verdict where delivery_id = $1 order by ordinal`,
        [deliveryId],
      ),
    eventsOf: async (stream: string) =>
      (await rows('select type, data, metadata from log.event where stream = $1 order by version', [stream])) as {
        type: string;
        data: Record<string, unknown>;
        metadata: Record<string, unknown>;
      }[],
    delivery: async (id: string) => (await store.load(delivery, id)).state,
    async close() {
      await queues.close();
      await opened.stop();
      await http.stop();
      await database.drop();
    },
  };
}

function boundOperations(triggerId: string, options: BoundOptions): { bound: Bound; operations: readonly Operation[] } {
  const { override = {}, enabled = true, sourceKind = 'crate', config = { image: 'depot.test/crate' } } = options;
  const [workloadId, bindingId] = [uuidv7(), uuidv7()];
  const name = `w-${workloadId.slice(-12)}`;
  const own = { title: null, stage: null, sourceConfig: config, parentId: null, policy: DEFAULT_POLICY };
  const create = {
    type: 'CreateWorkload',
    id: workloadId,
    name,
    sourceKind,
    node: 'default',
    faces: [],
    settings: own,
  } as const;
  const bind = { type: 'CreateBinding', id: bindingId, triggerId, workloadId, override, enabled } as const;
  return {
    bound: { bindingId, workloadId, name },
    operations: [onNew(workload, workloadId, create), onNew(binding, bindingId, bind)],
  };
}

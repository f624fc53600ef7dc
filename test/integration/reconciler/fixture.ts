import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { deployment } from '#domain/deployment';
import { LABELS, NETWORK } from '#domain/naming';
import { DEFAULT_POLICY, workload, type Policy } from '#domain/workload';
import type { Observation, Source } from '#plugins/source';
import { createEmptyRoute, currentRoute, routeDirectory } from '#runtime/route-files';
import { createLogger } from '#runtime/logging';
import { installationId } from '#store/installation';
import { on, onNew } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { createStore } from '#store/store';
import { freshMemory, look, type LookDeps } from '../../../apps/reconciler/src/drift/look.js';
import { crateSource } from '../../support/crate.js';
import { FakeDocker } from '../../support/fake-docker.js';
import { createDatabase } from '../../support/postgres.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
const IMAGE = 'depot.test/crate@sha256:1';

export interface Placed {
  readonly workloadId: string;
  readonly name: string;
  readonly deploymentId: string;
}

export type DriftGround = Awaited<ReturnType<typeof startDriftGround>>;

/** A reconciler's look over a database of its own and an engine in memory; what a worker does is told to the log. */
export async function startDriftGround() {
  const database = await createDatabase();
  const store = createStore({ databaseUrl: database.url });
  const routesDirectory = await mkdtemp(join(tmpdir(), 'tf-routes-'));
  const clock = { now: Date.now() };
  const docker = new FakeDocker(() => clock.now);
  docker.addImage(
    { id: 'i1', repoDigests: [], os: 'linux', architecture: 'amd64', hasHealthcheck: false, createdAt: null },
    [IMAGE],
  );
  docker.networks.set(NETWORK, { name: NETWORK, labels: {}, interContainer: false });
  const installation = await installationId(store.pool);
  const words = new Map<string, Observation>();
  const source: Source = {
    ...crateSource(),
    observe: ({ workloadId }) => words.get(workloadId) ?? { state: 'running', detail: 'as the source says' },
  };
  const deps: LookDeps = {
    store,
    docker,
    sources: [source],
    node: 'default',
    installation,
    routesDirectory,
    logger: createLogger({ app: 'reconciler', level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
    confirmMs: 1_000,
    graceMs: 600_000,
  };
  const commit = store.commit;
  const rows = async <T = Record<string, unknown>>(sql: string, values: readonly unknown[] = []) =>
    (await store.pool.query(sql, [...values])).rows as T[];
  let host = 30_000;
  const run = async (labels: Readonly<Record<string, string>>, name = `tf-${uuidv7()}`) => {
    const plain = { env: {}, command: null, cpuLimit: null, memoryLimit: null, restart: 'unless-stopped' as const };
    const ports = [{ container: 80, host: (host += 1) }];
    const { id } = await docker.createContainer({ name, image: IMAGE, labels, ports, network: NETWORK, ...plain });
    await docker.startContainer(id);
    return { id, name, port: host };
  };
  const labelsOf = (workloadId: string, deploymentId: string, owner: string | null = installation) => ({
    [LABELS.workloadId]: workloadId,
    [LABELS.deploymentId]: deploymentId,
    [LABELS.kind]: 'crate',
    ...(owner !== null && { [LABELS.installation]: owner }),
  });
  return {
    deps,
    store,
    docker,
    clock,
    words,
    rows,
    run,
    labelsOf,
    databaseUrl: database.url,
    memory: freshMemory(),
    /** Two looks, apart for long enough that what both saw counts. */
    async lookTwice(memory = freshMemory()) {
      await look(deps, memory, clock.now);
      clock.now += deps.confirmMs;
      return look(deps, memory, clock.now);
    },
    async workload({ policy = {} }: { policy?: Partial<Policy> } = {}): Promise<{ workloadId: string; name: string }> {
      const workloadId = uuidv7();
      const name = `w-${workloadId.slice(-12)}`;
      const own = {
        title: null,
        stage: null,
        sourceConfig: {},
        parentId: null,
        policy: { ...DEFAULT_POLICY, ...policy },
      };
      const where = { id: workloadId, name, sourceKind: 'crate', node: 'default', faces: [], settings: own };
      await commit([onNew(workload, workloadId, { type: 'CreateWorkload', ...where })], CAUSE);
      await createEmptyRoute(routeDirectory(routesDirectory, workloadId));
      return { workloadId, name };
    },
    async request({ workloadId, name }: { workloadId: string; name: string }, tag = '1.0.0'): Promise<string> {
      const id = uuidv7();
      const artifact = { kind: 'crate', repository: 'depot.test/crate', tag, digest: `sha256:${tag}` };
      const release = { artifact, config: {}, faces: [], env: {} };
      const about = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
      const request = { id, workloadId, workloadName: name, sourceKind: 'crate', node: 'default', ...about, release };
      await requestDeployment(store, request, CAUSE);
      return id;
    },
    /** What a worker records, with a container of its own; `fails`: before the switch. */
    async finish(
      workloadId: string,
      deploymentId: string,
      { fails = false } = {},
    ): Promise<{ id: string; port: number }> {
      const made = await run(labelsOf(workloadId, deploymentId));
      const [row] = await rows<{ current: string | null }>(
        'select current_deployment_id as current from view.workload where id = $1',
        [workloadId],
      );
      const step = (name: string, facts: object = {}) =>
        commit([on(deployment, deploymentId, { type: 'CompleteStep', step: name, facts: { ...facts } })], CAUSE);
      const claim = { steps: ['create', 'route'], commitStep: 'route', owner: 'w', previousDeploymentId: row!.current };
      await commit([on(deployment, deploymentId, { type: 'ClaimDeployment', ...claim })], CAUSE);
      const containers = [{ instance: 1, name: made.name, containerId: made.id, ports: { 80: made.port } }];
      await step('create', { imageId: 'i1', containers, routePorts: [made.port] });
      if (fails) {
        const failure = {
          step: 'route',
          code: 'x',
          class: 'permanent',
          message: 'x',
          attempt: 1,
          logOffset: 1,
        } as const;
        await commit([on(deployment, deploymentId, { type: 'RecordStepFailure', failure, retryAt: null })], CAUSE);
        await commit([on(deployment, deploymentId, { type: 'FailDeployment' })], CAUSE);
      } else await step('route');
      return made;
    },
    routeOf: (workloadId: string) => currentRoute(routeDirectory(routesDirectory, workloadId)),
    events: (workloadId: string) =>
      rows<{ type: string; data: Record<string, unknown> }>(
        'select type, data from log.event where stream = $1 order by version',
        [`observation-${workloadId}`],
      ),
    healings: (workloadId: string) =>
      rows<{ id: string; status: string; note: string; release: object }>(
        `select id, status, note, release from view.deployment where workload_id = $1 and reason = 'drift' order by id`,
        [workloadId],
      ),
    async close() {
      await store.close();
      await database.drop();
      await rm(routesDirectory, { recursive: true, force: true });
    },
  };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { LABELS, NETWORK } from '#domain/naming';
import { TerminalError } from '#domain/errors';
import type { Release, StepIo } from '#plugins/source';
import { labelsOf } from '#plugins/steps/owned-labels';
import { allOf, removeContainers } from '#plugins/steps/owned-containers';
import { readLog } from '#store/deployment-log';
import { requestDeployment } from '#store/request-deployment';
import { createEmptyRoute, routeDirectory } from '#runtime/route-files';
import { processDeployment } from '../../../apps/deploy-worker/src/deploy/deploy.processor.js';
import type { WorkerDeps } from '../../../apps/deploy-worker/src/deps.js';
import { processTeardown } from '../../../apps/deploy-worker/src/teardown.processor.js';
import { freshMemory, look } from '../../../apps/reconciler/src/drift/look.js';
import { crateSource, type CrateConfig, type CrateSource } from '../../support/crate.js';
import type { FakeDocker } from '../../support/fake-docker.js';
import { finished } from '../../support/workloads.js';
import { startFanOut, type Bound, type FanOut } from '../fan-out/fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
const IMAGE = 'depot.test/crate:1';

/** What the plugin was asked to do, in that order. */
let told: string[];
/** The next `ship` fails for good. */
let isShippingRefused: boolean;
let routesDirectory: string;
let fanOut: FanOut;
let deps: WorkerDeps;
let docker: FakeDocker;
let bound: Bound;

beforeEach(async () => {
  told = [];
  isShippingRefused = false;
  fanOut = await startFanOut({ source: depot(), enqueues: false });
  routesDirectory = await mkdtemp(join(tmpdir(), 'tf-routes-'));
  deps = { ...fanOut.deps, routesDirectory };
  docker = deps.docker as FakeDocker;
  const about = { repoDigests: [], os: 'linux', architecture: 'amd64', hasHealthcheck: false, createdAt: null };
  docker.addImage({ id: 'i1', ...about }, [IMAGE]);
  docker.networks.set(NETWORK, { name: NETWORK, labels: {}, interContainer: false });
  [bound] = (await fanOut.bindAll(await fanOut.trigger(), [{}])) as [Bound];
  await createEmptyRoute(routeDirectory(routesDirectory, bound.workloadId));
});
afterEach(async () => {
  await fanOut.close();
  await rm(routesDirectory, { recursive: true, force: true });
});

/** A plugin of another kind than those that ship: one container per deployment, a switch that is only told. */
function depot(): CrateSource {
  return {
    ...crateSource(),
    plan: (release, previous) => ({
      downtime: { class: 'none', reasons: [] },
      steps: [
        { name: 'make', run: (io) => make(io, release), undo: (io) => unmake(io, release) },
        { name: 'ship', commit: true, run: async (io) => ship(io, release) },
        { name: 'sweep', run: (io) => sweep(io, release, previous) },
      ],
    }),
    observe({ deploymentId }, { containers }) {
      const isThere = containers.some(({ labels }) => labels[LABELS.deploymentId] === deploymentId);
      return { state: isThere ? 'running' : 'missing', detail: isThere ? 'shipped' : 'gone' };
    },
    teardown: ({ workloadId }) => [
      {
        name: 'clear',
        run: async (io) => {
          told.push('clear');
          await removeContainers(io, await allOf(io, { workloadId, kind: 'crate' }), 1);
          return {};
        },
      },
    ],
  };
}

async function make(io: StepIo, { workloadId, deploymentId }: Release<CrateConfig>) {
  told.push('make');
  const name = `tf-${deploymentId}`;
  const plain = { env: {}, command: null, cpuLimit: null, memoryLimit: null, restart: 'no' as const, ports: [] };
  const labels = labelsOf({ workloadId, deploymentId, kind: 'crate' }, io);
  const { id } = await io.docker.createContainer({ name, image: IMAGE, network: NETWORK, labels, ...plain });
  await io.docker.startContainer(id);
  io.log(`made ${name}`);
  return { containers: [{ instance: 1, name, containerId: id, ports: {} }], routePorts: [] };
}

async function unmake({ docker: engine }: StepIo, { deploymentId }: Release): Promise<void> {
  told.push('undo make');
  const found = await engine.inspectContainer(`tf-${deploymentId}`);
  if (found) await engine.removeContainer(found.id);
}

async function ship({ route }: StepIo, { artifact }: Release) {
  told.push(`ship ${artifact.tag}`);
  if (isShippingRefused) throw new TerminalError('no-ship', 'There is no ship in the harbour.');
  await route.switchTo([]);
  return {};
}

async function sweep(io: StepIo, { workloadId, deploymentId }: Release, previous: Release | null) {
  told.push(`sweep ${previous?.artifact.tag ?? 'nothing'}`);
  const all = await allOf(io, { workloadId, kind: 'crate' });
  const old = all.filter(({ labels }) => labels[LABELS.deploymentId] !== deploymentId);
  await removeContainers(io, old, 1);
  return {};
}

async function request(tag: string): Promise<string> {
  const { workloadId, name: workloadName } = bound;
  const id = uuidv7();
  const artifact = { kind: 'crate', repository: 'depot.test/crate', tag, digest: `sha256:${tag}` };
  const release = { artifact, config: { image: 'depot.test/crate' }, faces: [], env: {} };
  const about = { id, workloadId, workloadName, sourceKind: 'crate', node: 'default', release };
  const origin = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(fanOut.store, { ...about, ...origin }, CAUSE);
  return id;
}
async function deploy(tag: string): Promise<string> {
  const id = await request(tag);
  await processDeployment(deps, id);
  await finished(fanOut.store, id);
  return id;
}
const deploymentsThere = () => [...docker.containers.values()].map(({ spec }) => spec.labels[LABELS.deploymentId]);
const rowOf = async () =>
  (
    await fanOut.rows('select lifecycle, current_deployment_id as current from view.workload where id = $1', [
      bound.workloadId,
    ])
  )[0];
const statusOf = async (id: string) =>
  (await fanOut.rows('select status from view.deployment where id = $1', [id]))[0]!['status'];

describe('the dispatcher with a source of another kind: deploy', () => {
  it('runs what the plugin planned, in order, and records each boundary with its facts', async () => {
    const first = await deploy('1');
    expect(told).toEqual(['make', 'ship 1', 'sweep nothing']);
    expect((await fanOut.eventsOf(`deployment-${first}`)).map(({ type, data }) => [type, data['step']])).toEqual([
      ['DeploymentRequested', undefined],
      ['DeploymentStarted', undefined],
      ['StepStarted', 'make'],
      ['StepCompleted', 'make'],
      ['StepStarted', 'ship'],
      ['StepCompleted', 'ship'],
      ['DeploymentSucceeded', undefined],
      ['StepStarted', 'sweep'],
      ['StepCompleted', 'sweep'],
    ]);
    expect(await rowOf()).toMatchObject({ current: first });
    const [made] = docker.containers.keys();
    expect(await finished(fanOut.store, first)).toMatchObject({ facts: { containers: [{ containerId: made }] } });
    const log = await readLog(fanOut.store.pool, first, { after: 0, limit: 100 });
    expect(log.map(({ step, line }) => `${step}: ${line}`)).toContain(`make: made tf-${first}`);
  });

  it('hands over what served before, which is gone afterwards', async () => {
    await deploy('1');
    told.length = 0;
    const second = await deploy('2');
    expect(told).toEqual(['make', 'ship 2', 'sweep 1']);
    expect(deploymentsThere()).toEqual([second]);
  });

  it('undoes what was done when the switch is refused; what served goes on', async () => {
    const first = await deploy('1');
    told.length = 0;
    isShippingRefused = true;
    const second = await deploy('2');
    expect(told).toEqual(['make', 'ship 2', 'undo make']);
    expect(await finished(fanOut.store, second)).toMatchObject({
      status: 'failed',
      failure: { step: 'ship', code: 'no-ship', class: 'permanent' },
    });
    expect(deploymentsThere()).toEqual([first]);
    expect(await rowOf()).toMatchObject({ current: first });
  });

  it('does nothing for a job that comes late or twice', async () => {
    const first = await deploy('1');
    const before = [...told];
    await Promise.all([1, 2, 3].map(() => processDeployment(deps, first)));
    expect(told).toEqual(before);
  });
});

describe('the dispatcher with a source of another kind: teardown', () => {
  it('ends what waits, runs the steps of the plugin, and frees the name', async () => {
    await deploy('1');
    const waiting = await request('2');
    await fanOut.change(bound.workloadId, { type: 'DeleteWorkload', children: [] });
    told.length = 0;
    await processTeardown(deps, bound.workloadId);
    expect(told).toEqual(['clear']);
    expect(deploymentsThere()).toEqual([]);
    expect(await statusOf(waiting)).toBe('cancelled');
    expect(await rowOf()).toMatchObject({ lifecycle: 'gone' });
    await processTeardown(deps, bound.workloadId);
    expect(told).toEqual(['clear']);
  });

  it('of what was never deployed is the same', async () => {
    await fanOut.change(bound.workloadId, { type: 'DeleteWorkload', children: [] });
    await processTeardown(deps, bound.workloadId);
    expect(told).toEqual(['clear']);
    expect(await rowOf()).toMatchObject({ lifecycle: 'gone' });
  });
});

describe('the dispatcher with a source of another kind: reconcile', () => {
  it('brings back what the plugin misses, once, by a deployment of the same release', async () => {
    const first = await deploy('1');
    const lookDeps = { ...deps, sources: deps.plugins.sources, confirmMs: 1_000, graceMs: 600_000 };
    const memory = freshMemory();
    const lookTwice = async (from: number) => {
      await look(lookDeps, memory, from);
      await look(lookDeps, memory, from + 1_000);
    };
    const drifts = () => fanOut.rows(`select id, status, note from view.deployment where reason = 'drift' order by id`);
    const now = Date.now();
    await lookTwice(now);
    expect(await drifts()).toEqual([]);
    const [container] = docker.containers.keys();
    await docker.removeContainer(container!);
    await lookTwice(now + 10_000);
    const [drift] = await drifts();
    expect(drift).toMatchObject({ status: 'waiting' });
    told.length = 0;
    await processDeployment(deps, String(drift!['id']));
    expect(told).toEqual(['make', 'ship 1', 'sweep 1']);
    expect(deploymentsThere()).toEqual([drift!['id']]);
    await lookTwice(now + 20_000);
    expect(await drifts()).toMatchObject([{ status: 'succeeded' }]);
    expect(await rowOf()).toMatchObject({ current: drift!['id'] });
    expect(first).not.toBe(drift!['id']);
  });
});

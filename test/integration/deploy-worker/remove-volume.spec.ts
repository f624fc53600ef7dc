import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import { deployment } from '#domain/deployment';
import { dockerVolumeName, LABELS } from '#domain/naming';
import { volumeId, volumeRemoval } from '#domain/volume-removal';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { v7 as uuidv7 } from 'uuid';
import { createDeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { processVolumeRemoval } from '../../../apps/deploy-worker/src/volumes/remove-volume.processor.js';
import { crateSource } from '../../support/crate.js';
import { ensureEngine } from '../../support/engine.js';
import { engineCall } from '../../support/engine-call.js';
import { buildImage, demoImage, removeImage } from '../../support/images.js';
import { until } from '../../support/until.js';
import { startFanOut, type FanOut } from '../fan-out/fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
const NODE = 'default';
let engine: string;
let fanOut: FanOut;
let deps: FanOut['deps'];
let workloadId: string;
let name: string;
beforeEach(async () => {
  engine = await ensureEngine();
  fanOut = await startFanOut({ source: crateSource(), enqueues: false });
  deps = { ...fanOut.deps, docker: createDocker({ host: engine }) };
  const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{}]);
  workloadId = bound!.workloadId;
  name = dockerVolumeName(workloadId, { scope: 'project_named', source: 'db' })!;
  await known();
});
afterEach(async () => {
  await deps.docker.removeVolume(name);
  await fanOut.close();
});

/** A deployment that asked for the volume, and came to nothing. */
async function known(): Promise<void> {
  const id = uuidv7();
  const artifact = { kind: 'crate', repository: 'depot.test/crate', tag: 'main', digest: null };
  const volumes = [{ scope: 'project_named' as const, source: 'db', target: '/db', readOnly: false }];
  const release = { artifact, config: {}, faces: [], env: {}, volumes };
  const of = { id, workloadId, workloadName: 'shop', sourceKind: 'crate', node: NODE, release };
  await requestDeployment(
    deps.store,
    { ...of, reason: 'manual', note: null, bindingId: null, deliveryId: null },
    CAUSE,
  );
  await deps.store.commit([on(deployment, id, { type: 'CancelDeployment', message: 'enough' })], CAUSE);
}
const make = (installation = deps.installation) =>
  deps.docker.createVolume({
    name,
    labels: { [LABELS.workloadId]: workloadId, [LABELS.installation]: installation },
  });
const id = () => volumeId({ node: NODE, name });
const ask = () => {
  const command = { type: 'RequestVolumeRemoval', node: NODE, name, workloadId, usedBy: [] } as const;
  return deps.store.commit([on(volumeRemoval, id(), command)], CAUSE);
};
const told = async () => (await fanOut.eventsOf(`volume-${id()}`)).map(({ type, data }) => [type, data['code']]);
const isThere = async () => (await deps.docker.inspectVolume(name)) !== null;
const ASKED = ['VolumeRemovalRequested', undefined];

describe('the removal of a volume', () => {
  it('takes it off the node, once', async () => {
    await make();
    await ask();
    await Promise.all([processVolumeRemoval(deps, id()), processVolumeRemoval({ ...deps, owner: 'w2' }, id())]);
    await processVolumeRemoval(deps, id());
    expect(await isThere()).toBe(false);
    expect(await told()).toEqual([ASKED, ['VolumeRemoved', undefined]]);
    await make();
    await processVolumeRemoval(deps, id());
    expect(await isThere()).toBe(true);
  });

  it('is done where there is none', async () => {
    await ask();
    await processVolumeRemoval(deps, id());
    expect(await told()).toEqual([ASKED, ['VolumeRemoved', undefined]]);
  });

  it('leaves what is not ours, and says so', async () => {
    await make('another-installation');
    await ask();
    await processVolumeRemoval(deps, id());
    expect(await isThere()).toBe(true);
    expect(await told()).toEqual([ASKED, ['VolumeRemovalRefused', 'volume-foreign']]);
  });

  it('leaves what somebody came to need since it was asked', async () => {
    await make();
    await ask();
    const volumes = [{ scope: 'project_named' as const, source: 'db', target: '/db', readOnly: false }];
    await fanOut.change(workloadId, { type: 'SetVolumes', volumes });
    await processVolumeRemoval(deps, id());
    expect(await isThere()).toBe(true);
    expect(await told()).toEqual([ASKED, ['VolumeRemovalRefused', 'volume-in-use']]);
  });

  it('leaves what a container has, whoever made that', async () => {
    await make();
    const tag = `tf-remove-volume:${uuidv7()}`;
    await buildImage(engine, { tag, ...demoImage({ version: '1' }) });
    const body = Buffer.from(JSON.stringify({ Image: tag, HostConfig: { Binds: [`${name}:/db`] } }));
    const headers = { 'content-type': 'application/json' };
    const made = await engineCall(engine, { method: 'POST', path: '/containers/create', body, headers });
    const container = (JSON.parse(made.text) as { Id: string }).Id;
    try {
      await ask();
      await processVolumeRemoval(deps, id());
      expect(await isThere()).toBe(true);
      expect(await told()).toEqual([ASKED, ['VolumeRemovalRefused', 'volume-in-use']]);
    } finally {
      await deps.docker.removeContainer(container);
      await removeImage(engine, tag);
    }
  });

  it('waits for the deployment at hand, and needs no job: the sweep brings it', async () => {
    await make();
    await ask();
    const subject = `workload-${workloadId}`;
    const epoch = await deps.store.leases.acquire({ subject, owner: 'another', ttlMs: 60_000 });
    await processVolumeRemoval(deps, id());
    expect(await isThere()).toBe(true);
    const worker = createDeployWorker(deps);
    worker.start();
    try {
      await deps.store.leases.release({ subject, epoch: epoch! });
      await until(async () => !(await isThere()), 'the volume to be gone', 30_000);
      await until(async () => (await told()).length === 2, 'the event', 30_000);
    } finally {
      await worker.stop();
    }
  });
});

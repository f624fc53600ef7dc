import { afterEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deployment } from '#domain/deployment';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { createDeployWorker, type DeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { processDeployment } from '../../../apps/deploy-worker/src/deploy/deploy.processor.js';
import { twoSteps, type TwoSteps } from '../../support/two-steps.js';
import { finished } from '../../support/workloads.js';
import { startFanOut, type Bound, type FanOut } from '../fan-out/fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };

let fanOut: FanOut;
let worker: DeployWorker | null = null;
afterEach(async () => {
  await worker?.stop();
  worker = null;
  await fanOut.close();
});

async function start({ source }: TwoSteps, count: number): Promise<readonly Bound[]> {
  fanOut = await startFanOut({ source, enqueues: false });
  return await fanOut.bindAll(
    await fanOut.trigger(),
    Array.from({ length: count }, () => ({})),
  );
}

function work(): void {
  worker = createDeployWorker(fanOut.deps);
  worker.start();
}

async function request({ workloadId, name: workloadName }: Bound): Promise<string> {
  const id = uuidv7();
  const artifact = { kind: 'crate', repository: 'depot.test/crate', tag: 'main', digest: null };
  const release = { artifact, config: { image: 'depot.test/crate' }, faces: [], env: {} };
  const about = { id, workloadId, workloadName, sourceKind: 'crate', node: 'default', release };
  const origin = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(fanOut.store, { ...about, ...origin }, CAUSE);
  return id;
}

/** As workers leave it that died with it at hand. */
async function die({ workloadId }: Bound, atHand: string, times: number): Promise<void> {
  const subject = `workload-${workloadId}`;
  for (let death = 0; death < times; death += 1)
    await fanOut.store.leases.acquire({ subject, owner: `dead-${death}`, ttlMs: 0, atHand });
}
const holdersOf = async ({ workloadId }: Bound) =>
  (await fanOut.rows('select holders from state.lease where subject = $1', [`workload-${workloadId}`]))[0]!['holders'];
const errorOf = async (id: string) =>
  (await fanOut.rows('select error from view.deployment where id = $1', [id]))[0]!['error'];

describe('a deployment at which workers died', () => {
  it('has the node to itself among its like; others go on meanwhile', async () => {
    const { promise: freshShipped, resolve: freshShips } = Promise.withResolvers<void>();
    let suspects = 0;
    let most = 0;
    let freshName = '';
    const steps = twoSteps({
      pack: async (_io, name) => {
        if (name === freshName) return;
        most = Math.max(most, (suspects += 1));
        await freshShipped;
        suspects -= 1;
      },
      ship: async (_io, name) => void (name === freshName && freshShips()),
    });
    const [a, b, fresh] = await start(steps, 3);
    freshName = fresh!.name;
    const ids = [await request(a!), await request(b!), await request(fresh!)];
    await die(a!, ids[0]!, 2);
    await die(b!, ids[1]!, 4);
    work();
    for (const id of ids) expect(await finished(fanOut.store, id)).toMatchObject({ status: 'succeeded' });
    expect(most).toBe(1);
    await worker!.stop();
    // Those that died are not forgotten, and those that came back are not counted.
    expect([await holdersOf(a!), await holdersOf(b!), await holdersOf(fresh!)]).toEqual([2, 4, 0]);
  });

  it('is tried again for as long as it is not five', async () => {
    const steps = twoSteps({});
    const [bound] = await start(steps, 1);
    const id = await request(bound!);
    await die(bound!, id, 4);
    await processDeployment(fanOut.deps, id);
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'succeeded' });
  });

  it('ends without being touched once they are five, and the next one is taken up', async () => {
    const steps = twoSteps({});
    const [bound] = await start(steps, 1);
    const id = await request(bound!);
    await die(bound!, id, 5);
    await processDeployment(fanOut.deps, id);
    expect(steps.told).toEqual([]);
    expect(await errorOf(id)).toMatchObject({ step: 'claim', code: 'worker-crashed', class: 'operator', attempt: 1 });
    const next = await request(bound!);
    await processDeployment(fanOut.deps, next);
    expect(await finished(fanOut.store, next)).toMatchObject({ status: 'succeeded' });
  });

  it('is undone once, by what it had done', async () => {
    const steps = twoSteps({});
    const [bound] = await start(steps, 1);
    const id = await request(bound!);
    const claim = { steps: ['pack', 'ship'], commitStep: 'ship', owner: 'dead', previousDeploymentId: null };
    await fanOut.store.commit([on(deployment, id, { type: 'ClaimDeployment', ...claim })], CAUSE);
    await die(bound!, id, 5);
    await processDeployment(fanOut.deps, id);
    expect(steps.told).toEqual([`${bound!.name} undo pack`]);
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'failed', failure: { code: 'worker-crashed' } });
  });

  it('whose cancel kills its workers is cancelled without an undo', async () => {
    const steps = twoSteps({});
    const [bound] = await start(steps, 1);
    const id = await request(bound!);
    const claim = { steps: ['pack', 'ship'], commitStep: 'ship', owner: 'dead', previousDeploymentId: null };
    await fanOut.store.commit([on(deployment, id, { type: 'ClaimDeployment', ...claim })], CAUSE);
    await fanOut.store.commit([on(deployment, id, { type: 'RequestCancel', message: 'not this one' })], CAUSE);
    await die(bound!, id, 5);
    await processDeployment(fanOut.deps, id);
    expect(steps.told).toEqual([]);
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'cancelled' });
  });
});

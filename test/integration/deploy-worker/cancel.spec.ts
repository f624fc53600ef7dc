import { afterEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deployment, type DeploymentState } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import { DEFAULT_POLICY } from '#domain/workload';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { createDeployWorker, type DeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { processDeployment } from '../../../apps/deploy-worker/src/deploy/deploy.processor.js';
import { forEver, twoSteps, type TwoSteps } from '../../support/two-steps.js';
import { until } from '../../support/until.js';
import { finished } from '../../support/workloads.js';
import { follow, push, startFanOut, type Bound, type FanOut } from '../fan-out/fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };

let fanOut: FanOut;
let worker: DeployWorker | null = null;
afterEach(async () => {
  await worker?.stop();
  worker = null;
  await fanOut.close();
});

async function start({ source }: TwoSteps, isWorking = true): Promise<Bound> {
  fanOut = await startFanOut({ source, enqueues: isWorking });
  if (isWorking) {
    worker = createDeployWorker(fanOut.deps);
    worker.start();
  }
  const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{}]);
  return bound!;
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

const cancel = (id: string) =>
  fanOut.store.commit([on(deployment, id, { type: 'RequestCancel', message: 'not this one' })], CAUSE);
const stateOf = async (id: string): Promise<DeploymentState> => (await fanOut.store.load(deployment, id)).state;
const atStep = (id: string, step: string) =>
  until(async () => (await stateOf(id)).current === step, `${step} of ${id}`);
const types = async (id: string) => (await fanOut.eventsOf(`deployment-${id}`)).map(({ type }) => type);

describe('a cancel', () => {
  it('of a step that would go on for ever cuts it off, undoes it, and lets the next one in', async () => {
    let isFirst = true;
    const steps = twoSteps({ pack: async (io) => (isFirst ? ((isFirst = false), forEver(io)) : undefined) });
    const bound = await start(steps);
    const first = await request(bound);
    await atStep(first, 'pack');
    const second = await request(bound);
    await cancel(first);
    expect(await finished(fanOut.store, first)).toMatchObject({ status: 'cancelled', completed: [], failure: null });
    expect(await finished(fanOut.store, second)).toMatchObject({ status: 'succeeded' });
    const { name } = bound;
    expect(steps.told).toEqual([`${name} pack`, `${name} undo pack`, `${name} pack`, `${name} ship`]);
    expect(await types(first)).toEqual([
      'DeploymentRequested',
      'DeploymentStarted',
      'StepStarted',
      'DeploymentCancelRequested',
      'DeploymentCancelled',
    ]);
  });

  it('lets a step that is nearly done end, and undoes it by its facts', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const steps = twoSteps({ pack: () => held });
    const id = await request(await start(steps));
    await atStep(id, 'pack');
    await cancel(id);
    letGo();
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'cancelled', completed: ['pack'] });
    expect(steps.told.map((line) => line.replace(/^\S+ /, ''))).toEqual(['pack', 'undo pack']);
  });

  it('is refused while the switch is at hand, and after it', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const id = await request(await start(twoSteps({ ship: () => held })));
    await atStep(id, 'ship');
    await expect(cancel(id)).rejects.toMatchObject({ code: 'already-switched' });
    letGo();
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'succeeded' });
    await expect(cancel(id)).rejects.toMatchObject({ code: 'already-switched' });
  });

  it('that meets the switch: exactly one of them wins, in every round', async () => {
    let arrived = Promise.withResolvers<void>();
    const steps = twoSteps({ pack: (io) => (arrived.resolve(), io.clock.sleep(5)) });
    const bound = await start(steps);
    const won = { cancel: 0, switch: 0 };
    for (let round = 0; round < 25; round += 1) {
      steps.told.length = 0;
      arrived = Promise.withResolvers<void>();
      const id = await request(bound);
      await arrived.promise;
      await new Promise((resolve) => setTimeout(resolve, round % 12));
      const refusal = await cancel(id).then(
        () => null,
        (error: unknown) => error,
      );
      const { status } = await finished(fanOut.store, id);
      const told = steps.told.map((line) => line.replace(/^\S+ /, ''));
      if (refusal === null) {
        expect({ status, told }).toEqual({ status: 'cancelled', told: ['pack', 'undo pack'] });
        won.cancel += 1;
      } else {
        expect(refusal).toBeInstanceOf(Rejection);
        expect({ status, told }).toEqual({ status: 'succeeded', told: ['pack', 'ship'] });
        won.switch += 1;
      }
    }
    expect(won.cancel + won.switch).toBe(25);
  });

  it('outlives its worker: the next one undoes and ends it, and runs nothing of it again', async () => {
    const steps = twoSteps({ pack: forEver });
    const bound = await start(steps, false);
    const id = await request(bound);
    // Loses its lease as a process that was killed would, in the midst of the step.
    const gone = processDeployment({ ...fanOut.deps, owner: 'gone' }, id).catch(() => undefined);
    await atStep(id, 'pack');
    await cancel(id);
    await fanOut.rows(`update state.lease set epoch = epoch + 1, until = '-infinity' where subject = $1`, [
      `workload-${bound.workloadId}`,
    ]);
    worker = createDeployWorker(fanOut.deps);
    worker.start();
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'cancelled' });
    await gone;
    expect(steps.told.map((line) => line.replace(/^\S+ /, ''))).toEqual(['pack', 'undo pack']);
  });

  it('of one that waits for its retry does not wait with it', async () => {
    const failing = twoSteps({ pack: () => Promise.reject(new Error('not now')) });
    const id = await request(await start(failing));
    await until(async () => (await types(id)).includes('StepFailed'), 'the step to fail');
    await fanOut.rows(`update view.deployment set retry_at = now() + interval '1 hour' where id = $1`, [id]);
    await cancel(id);
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('a newer push', () => {
  async function twoPushes(onNewer: 'queue' | 'cancel') {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    let isFirst = true;
    const steps = twoSteps({
      pack: async (io) => {
        if (!isFirst) return;
        isFirst = false;
        await (onNewer === 'queue' ? held : forEver(io));
      },
    });
    fanOut = await startFanOut({ source: steps.source });
    worker = createDeployWorker(fanOut.deps);
    worker.start();
    const triggerId = await fanOut.trigger();
    const [bound] = await fanOut.bindAll(triggerId, [{ override: follow('main') }]);
    await fanOut.change(bound!.workloadId, {
      type: 'ChangeWorkload',
      changes: { policy: { ...DEFAULT_POLICY, onNewer } },
    });
    const deliveries = [await fanOut.deliver(triggerId, [push('main', `sha256:${'1'.repeat(64)}`)])];
    await until(async () => steps.told.length === 1, 'the first to run');
    deliveries.push(await fanOut.deliver(triggerId, [push('main', `sha256:${'2'.repeat(64)}`)]));
    await until(async () => (await fanOut.delivery(deliveries[1]!)).isDispatched, 'the second to be judged');
    letGo();
    for (const id of deliveries)
      await until(async () => (await fanOut.delivery(id)).status === 'settled', `delivery ${id} to settle`);
    return fanOut.rows('select status, error->>$1 as why from view.deployment order by id', ['message']);
  }

  it('with onNewer "cancel" ends the running one at a safe point, undone', async () => {
    const [first, second] = await twoPushes('cancel');
    expect(first).toMatchObject({ status: 'cancelled', why: expect.stringContaining('is newer') });
    expect(second).toMatchObject({ status: 'succeeded' });
  });

  it('with onNewer "queue" lets the running one finish', async () => {
    expect(await twoPushes('queue')).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
  });
});

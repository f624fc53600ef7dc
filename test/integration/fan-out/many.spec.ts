import { afterEach, expect, it } from 'vitest';
import { createDeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { crateSource } from '../../support/crate.js';
import { until } from '../../support/until.js';
import { follow, startFanOut, type FanOut } from './fixture.js';

let fanOut: FanOut;
afterEach(() => fanOut.close());

it(
  'one delivery to 1,000 bindings: ten chunks, a deployment each, one question to the registry',
  { timeout: 60_000 },
  async () => {
    const source = crateSource();
    fanOut = await startFanOut({ source, enqueues: false });
    const triggerId = await fanOut.trigger();
    // Every tenth one follows another tag.
    const bound = await fanOut.bindAll(
      triggerId,
      Array.from({ length: 1_000 }, (_, n) => ({ override: n % 10 === 9 ? follow('other') : {} })),
    );
    const id = await fanOut.deliver(triggerId);
    await processDelivery(fanOut.deps, id);

    const events = (await fanOut.eventsOf(`delivery-${id}`)).filter(({ type }) => type === 'DeliveryMatched');
    const sizes = events.map(({ data }) => [(data.verdicts as unknown[]).length, data.remaining]);
    expect(sizes).toEqual(Array.from({ length: 10 }, (_, n) => [100, 900 - n * 100]));
    const [events1000] = await fanOut.rows(
      `select count(*) filter (where type = 'DeploymentRequested')::int as requested, count(*) filter (where type = 'CandidateAccepted')::int as accepted,
      max(octet_length(body)) filter (where type = 'DeliveryMatched')::int as largest from log.event where metadata->>'correlationId' = $1`,
      [id],
    );
    expect(events1000).toMatchObject({ requested: 900, accepted: 900 });
    expect(Number(events1000?.largest)).toBeLessThan(200_000);
    expect(source.resolved).toEqual(['depot.test/crate:main']);
    const verdicts = await fanOut.verdicts(id);
    expect(new Set(verdicts.map(({ bindingId }) => bindingId))).toEqual(
      new Set(bound.map(({ bindingId }) => bindingId)),
    );
    expect(verdicts.filter(({ verdict }) => verdict === 'filtered')).toHaveLength(100);
    expect(await fanOut.delivery(id)).toMatchObject({ status: 'dispatching', isDispatched: true });
  },
);

it('a delivery settles with the last of its deployments, not before', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const source = crateSource({ ship: ({ workloadName }) => (workloadName === slow ? released : Promise.resolve()) });
  let slow = '';
  fanOut = await startFanOut({ source });
  const triggerId = await fanOut.trigger();
  const bound = await fanOut.bindAll(triggerId, [{}, {}, {}, { override: follow('other') }]);
  slow = bound[1]!.name;
  const worker = createDeployWorker(fanOut.deps);
  worker.start();
  try {
    const id = await fanOut.deliver(triggerId);
    await until(async () => source.shipped.length === 2, 'the quick ones', 10_000);
    expect((await fanOut.delivery(id)).status).toBe('dispatching');
    release();
    await until(async () => (await fanOut.delivery(id)).status === 'settled', 'the delivery to settle', 10_000);
    const events = await fanOut.eventsOf(`delivery-${id}`);
    expect(events.map(({ type }) => type)).toEqual(['DeliveryRecorded', 'DeliveryMatched', 'DeliverySettled']);
    expect(events.at(-1)?.data).toEqual({ bindings: 4 });
    const rows = await fanOut.rows('select status from view.deployment where delivery_id = $1', [id]);
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ status: 'succeeded' })));
  } finally {
    release();
    await worker.stop();
  }
});

it('a delivery of which nothing deploys settles at once', async () => {
  fanOut = await startFanOut({ source: crateSource(), enqueues: false });
  const triggerId = await fanOut.trigger();
  await fanOut.bindAll(triggerId, [{ override: follow('other') }, { override: { downgrade: 'sometimes' } }]);
  const id = await fanOut.deliver(triggerId);
  await processDelivery(fanOut.deps, id);
  expect((await fanOut.eventsOf(`delivery-${id}`)).map(({ type }) => type)).toEqual([
    'DeliveryRecorded',
    'DeliveryMatched',
    'DeliverySettled',
  ]);
});

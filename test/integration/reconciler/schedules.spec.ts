import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { schedule } from '#plugins/triggers/schedule/schedule';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { createTicker } from '../../../apps/reconciler/src/triggers/scheduler.js';
import { crateSource } from '../../support/crate.js';
import { startFanOut, type FanOut } from '../fan-out/fixture.js';

let ground: FanOut;
beforeEach(async () => {
  ground = await startFanOut({ source: crateSource(), triggers: [schedule], enqueues: false });
});
afterEach(() => ground.close());

const NIGHTLY = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };
const ticker = () => {
  const { store, secrets, plugins, logger } = ground.deps;
  return createTicker({ store, secrets, ...plugins, logger });
};
const deliveries = () =>
  ground.rows(
    `select id, status, origin, events->0->>'scheduledFor' as at, (events->0->>'missedCount')::int as missed
      from view.delivery order by id`,
  );
const scheduled = async (config: object, override: object = {}) => {
  const triggerId = await ground.trigger({ kind: 'schedule', config: { ...config } });
  const bound = await ground.bindAll(triggerId, [{ override: { ...override } }]);
  return { triggerId, ...bound[0]! };
};

describe('a schedule', () => {
  it('fires at its time, once, however many leaders look, and its binding is judged', async () => {
    const { bindingId } = await scheduled(NIGHTLY);
    const [first, second] = [ticker(), ticker()];
    expect(await first(new Date('2026-03-28T12:00:00Z'))).toEqual(new Date('2026-03-29T01:30:00Z'));
    expect(await deliveries()).toEqual([]);
    const now = new Date('2026-03-29T01:30:00.500Z');
    const nexts = await Promise.all([first(now), second(now)]);
    expect(nexts).toEqual([new Date('2026-03-30T00:30:00Z'), new Date('2026-03-30T00:30:00Z')]);
    const [delivery, ...others] = await deliveries();
    expect(others).toEqual([]);
    expect(delivery).toMatchObject({
      status: 'accepted',
      origin: 'schedule',
      at: '2026-03-29T01:30:00.000Z',
      missed: 0,
    });
    await processDelivery(ground.deps, String(delivery!.id));
    expect(await ground.verdicts(String(delivery!.id))).toMatchObject([{ bindingId, verdict: 'matched', code: 'due' }]);
    expect(await ground.rows('select reason from view.deployment')).toEqual([{ reason: 'schedule' }]);
  });

  it('after a night without a platform runs the latest and says how many fell out', async () => {
    await scheduled({ ...NIGHTLY, deadlineSeconds: 86_400 });
    await ticker()(new Date('2026-06-01T12:00:00Z'));
    await ticker()(new Date('2026-06-04T05:00:00Z'));
    expect(await deliveries()).toMatchObject([{ at: '2026-06-04T00:30:00.000Z', missed: 2 }]);
  });

  it('is of each timetable that overrides make, and goes with its binding', async () => {
    const { triggerId } = await scheduled(NIGHTLY);
    await ground.bindAll(triggerId, [{ override: { cron: '0 3 * * *' } }, { enabled: false }]);
    const tick = ticker();
    await tick(new Date('2026-06-01T12:00:00Z'));
    expect(await ground.rows('select next_at from state.schedule order by 1')).toHaveLength(2);
    await tick(new Date('2026-06-02T01:00:01Z'));
    const fired = await deliveries();
    expect(fired.map(({ at }) => at)).toEqual(['2026-06-02T00:30:00.000Z', '2026-06-02T01:00:00.000Z']);
    await processDelivery(ground.deps, String(fired[1]!.id));
    const codes = (await ground.verdicts(String(fired[1]!.id))).map(({ code }) => code);
    expect(codes.sort()).toEqual(['due', 'other-schedule']);
    await ground.store.pool.query('update view.binding set enabled = false');
    await tick(new Date('2026-06-02T01:00:02Z'));
    expect(await ground.rows('select 1 from state.schedule')).toEqual([]);
  });

  it.each([
    ['skip', 'overlap', 1],
    ['queue', 'due', 2],
  ])('while a deployment is under way: %s', async (overlap, code, deployments) => {
    await scheduled({ cron: '0 * * * *', overlap });
    const tick = ticker();
    await tick(new Date('2026-06-01T12:30:00Z'));
    for (const hour of ['13', '14']) await tick(new Date(`2026-06-01T${hour}:00:01Z`));
    const [first, second] = await deliveries();
    for (const { id } of [first!, second!]) await processDelivery(ground.deps, String(id));
    expect(await ground.verdicts(String(second!.id))).toMatchObject([{ code }]);
    expect(await ground.rows('select 1 from view.deployment')).toHaveLength(deployments);
  });
});

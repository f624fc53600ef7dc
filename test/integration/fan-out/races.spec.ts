import { afterEach, describe, expect, it } from 'vitest';
import { binding } from '#domain/binding';
import { LeaseLost } from '#store/errors';
import { onNew } from '#store/operation';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { artifactOf, crateSource, type CrateBehaviour } from '../../support/crate.js';
import { follow, push, startFanOut, type FanOut } from './fixture.js';

let fanOut: FanOut;
afterEach(() => fanOut.close());

async function start(behaviour: CrateBehaviour = {}, leaseMs?: number) {
  const source = crateSource(behaviour);
  fanOut = await startFanOut({ source, enqueues: false, leaseMs });
  return source;
}

const words = async (deliveryId: string) =>
  new Map(
    (await fanOut.verdicts(deliveryId)).map((row) => [row.bindingId, `${String(row.verdict)} ${String(row.code)}`]),
  );
const statuses = async (workloadId: string) =>
  (await fanOut.rows('select status from view.deployment where workload_id = $1 order by id', [workloadId])).map(
    ({ status }) => status,
  );
/** Somebody else takes the lease, as after a pause that was too long. */
const steal = (subject: string) =>
  fanOut.rows('update state.lease set epoch = epoch + 1, owner = $2 where subject = $1', [subject, 'thief']);

describe('what changes while a delivery is judged', () => {
  /** Runs once, in the middle of it: after the bindings were read, before anything is written. */
  async function meanwhile(act: (at: { first: { bindingId: string; workloadId: string } }) => Promise<unknown>) {
    let isDone = false;
    const context = { act: async (): Promise<unknown> => undefined };
    await start({
      resolve: async (ref) => {
        if (!isDone) {
          isDone = true;
          await context.act();
        }
        return artifactOf(ref);
      },
    });
    const triggerId = await fanOut.trigger();
    const [first, sibling] = await fanOut.bindAll(triggerId, [{}, {}]);
    context.act = () => act({ first: first! });
    const id = await fanOut.deliver(triggerId);
    await processDelivery(fanOut.deps, id);
    return { id, first: first!, sibling: sibling! };
  }

  it('a binding with another override is judged by that, its sibling once', async () => {
    const { id, first, sibling } = await meanwhile(({ first }) => fanOut.override(first.bindingId, follow('develop')));
    expect(await words(id)).toEqual(
      new Map([
        [sibling.bindingId, 'matched first'],
        [first.bindingId, 'filtered other-tag'],
      ]),
    );
    expect(await statuses(sibling.workloadId)).toEqual(['waiting']);
    expect(await statuses(first.workloadId)).toEqual([]);
    expect(await fanOut.delivery(id)).toMatchObject({ isDispatched: true });
  });

  it('a hold that was set counts', async () => {
    const { id, first, sibling } = await meanwhile(({ first }) =>
      fanOut.change(first.workloadId, { type: 'SetHold', reason: 'wait', at: '2026-01-02T03:04:05.000Z' }),
    );
    expect(await words(id)).toEqual(
      new Map([
        [sibling.bindingId, 'matched first'],
        [first.bindingId, 'filtered held'],
      ]),
    );
    expect(await statuses(first.workloadId)).toEqual([]);
  });

  it('a config that was changed is the one that is deployed', async () => {
    const { id, first } = await meanwhile(({ first }) =>
      fanOut.change(first.workloadId, { type: 'SetEnv', env: { MODE: { value: 'new', optional: false } } }),
    );
    const [row] = await fanOut.rows(
      `select release->'env' as env from view.deployment where delivery_id = $1 and workload_id = $2`,
      [id, first.workloadId],
    );
    expect(row?.env).toEqual({ MODE: { value: 'new', optional: false } });
  });

  it('a candidate that another delivery accepted first is what the next one is compared with', async () => {
    let other = '';
    const { id, first } = await meanwhile(async ({ first }) => {
      const [row] = await fanOut.rows('select trigger_id as id from view.binding where id = $1', [first.bindingId]);
      other = await fanOut.deliver(String(row?.id));
      await processDelivery(fanOut.deps, other);
    });
    expect([...(await words(other)).values()]).toEqual(['matched first', 'matched first']);
    expect([...(await words(id)).values()]).toEqual(['filtered duplicate', 'filtered duplicate']);
    expect(await statuses(first.workloadId)).toEqual(['waiting']);
  });
});

describe('a workload with a deployment that waits', () => {
  it('has it superseded by the newer one', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    const [bound] = await fanOut.bindAll(triggerId, [{}]);
    const ids = [];
    for (const letter of ['a', 'b', 'c']) {
      ids.push(await fanOut.deliver(triggerId, [push('main', `sha256:${letter.repeat(64)}`)]));
      await processDelivery(fanOut.deps, ids.at(-1)!);
    }
    expect(await statuses(bound!.workloadId)).toEqual(['superseded', 'superseded', 'waiting']);
    const [workload] = await fanOut.rows(
      `select w.pending_deployment_id = d.id as newest from view.workload w join view.deployment d on d.delivery_id = $2 where w.id = $1`,
      [bound!.workloadId, ids[2]],
    );
    expect(workload).toEqual({ newest: true });
  });

  it('which came meanwhile: the newer one still supersedes it', async () => {
    let act = async (): Promise<unknown> => undefined;
    await start({
      resolve: async (ref) => {
        const once = act;
        act = async () => undefined;
        await once();
        return artifactOf(ref);
      },
    });
    // Two triggers, one workload: the bindings do not know of each other.
    const [one, two] = [await fanOut.trigger(), await fanOut.trigger()];
    const [bound] = await fanOut.bindAll(one, [{}]);
    const other = '00000000-0000-7000-8000-0000000000b2';
    const bind = {
      type: 'CreateBinding',
      id: other,
      triggerId: two,
      workloadId: bound!.workloadId,
      override: {},
      enabled: true,
    } as const;
    await fanOut.store.commit([onNew(binding, other, bind)], { actor: 'system:test', correlationId: 'test' });
    const [slow, quick] = [await fanOut.deliver(one), await fanOut.deliver(two)];
    act = () => processDelivery(fanOut.deps, quick);
    await processDelivery(fanOut.deps, slow);
    expect([...(await words(quick)).values(), ...(await words(slow)).values()]).toEqual([
      'matched first',
      'matched first',
    ]);
    const rows = await fanOut.rows(
      'select delivery_id as id, status from view.deployment where workload_id = $1 order by id',
      [bound!.workloadId],
    );
    expect(new Map(rows.map(({ id, status }) => [id, status]))).toEqual(
      new Map([
        [quick, 'superseded'],
        [slow, 'waiting'],
      ]),
    );
  });
});

describe('a worker that loses its lease', () => {
  it('between two chunks has doubled nothing when the next one goes on', async () => {
    const source = await start();
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(
      triggerId,
      Array.from({ length: 250 }, () => ({})),
    );
    const id = await fanOut.deliver(triggerId);
    let chunks = 0;
    const commit: typeof fanOut.store.commit = async (...args) => {
      const result = await fanOut.store.commit(...args);
      if (result.events.some(({ type }) => type === 'DeliveryMatched')) chunks += 1;
      if (chunks === 1) await steal(`delivery-${id}`);
      return result;
    };
    await expect(processDelivery({ ...fanOut.deps, store: { ...fanOut.store, commit } }, id)).rejects.toBeInstanceOf(
      LeaseLost,
    );
    expect(chunks).toBe(1);
    expect(await fanOut.verdicts(id)).toHaveLength(100);
    await fanOut.rows(`update state.lease set until = '-infinity' where subject = $1`, [`delivery-${id}`]);

    await processDelivery({ ...fanOut.deps, owner: 'worker-2' }, id);
    const events = (await fanOut.eventsOf(`delivery-${id}`)).filter(({ type }) => type === 'DeliveryMatched');
    expect(events.map(({ data }) => [(data.verdicts as unknown[]).length, data.remaining])).toEqual([
      [100, 150],
      [100, 50],
      [50, 0],
    ]);
    expect(events.map(({ metadata }) => metadata.epoch)).toEqual([1, 3, 3]);
    const [counted] = await fanOut.rows(
      `select count(*)::int as deployments, count(distinct binding_id)::int as bindings from view.deployment where delivery_id = $1`,
      [id],
    );
    expect(counted).toEqual({ deployments: 250, bindings: 250 });
    expect(source.resolved).toHaveLength(2);
  });

  it('while a source hangs stops at once, and writes no verdict of what it cut off', async () => {
    const { promise: asked, resolve: tell } = Promise.withResolvers<void>();
    await start(
      {
        resolve: () => {
          tell();
          return new Promise(() => undefined);
        },
      },
      400,
    );
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(triggerId, [{}, { override: follow('other') }]);
    const id = await fanOut.deliver(triggerId);
    const processed = processDelivery(fanOut.deps, id);
    await asked;
    await steal(`delivery-${id}`);
    await expect(processed).rejects.toBeInstanceOf(LeaseLost);
    expect(await fanOut.verdicts(id)).toEqual([]);
    expect(await fanOut.delivery(id)).toMatchObject({ status: 'accepted', attempt: 0 });
  });
});

it('two workers that get the same job at the same time judge it once', async () => {
  const source = await start();
  const triggerId = await fanOut.trigger();
  await fanOut.bindAll(
    triggerId,
    Array.from({ length: 30 }, () => ({})),
  );
  const id = await fanOut.deliver(triggerId);
  await Promise.all(['w1', 'w2', 'w3', 'w4'].map((owner) => processDelivery({ ...fanOut.deps, owner }, id)));
  expect(await fanOut.verdicts(id)).toHaveLength(30);
  expect(source.resolved).toHaveLength(1);
});

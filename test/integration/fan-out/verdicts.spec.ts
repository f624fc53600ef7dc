import { afterEach, describe, expect, it } from 'vitest';
import { RetryableError, TerminalError } from '#domain/errors';
import type { Trigger } from '#plugins/trigger';
import { registry } from '#plugins/triggers/registry/registry';
import { processDelivery } from '../../../apps/deploy-worker/src/fan-out/fan-out.processor.js';
import { artifactOf, crateSource, type CrateBehaviour } from '../../support/crate.js';
import { DIGEST, follow, push, startFanOut, type FanOut } from './fixture.js';

let fanOut: FanOut;
afterEach(() => fanOut.close());

async function start(behaviour: CrateBehaviour = {}, triggers: readonly Trigger[] = []) {
  const source = crateSource(behaviour);
  fanOut = await startFanOut({ source, triggers, enqueues: false });
  return source;
}

const words = async (deliveryId: string) =>
  new Map(
    (await fanOut.verdicts(deliveryId)).map((row) => [row.bindingId, `${String(row.verdict)} ${String(row.code)}`]),
  );
const deploymentsOf = (deliveryId: string) =>
  fanOut.rows(
    'select id, workload_id as "workloadId", binding_id as "bindingId", status, release, reason from view.deployment where delivery_id = $1 order by id',
    [deliveryId],
  );

describe('a delivery', () => {
  it('gets one verdict per enabled binding, each with its code and reason', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    const [matching, otherTag, invalid, foreign, strange, held, disabled] = await fanOut.bindAll(triggerId, [
      {},
      { override: follow('develop') },
      { override: { downgrade: 'sometimes' } },
      { config: { image: 'depot.test/other' } },
      { sourceKind: 'quantum' },
      {},
      { enabled: false },
    ]);
    await fanOut.change(held!.workloadId, {
      type: 'SetHold',
      reason: 'release freeze',
      at: '2026-01-02T03:04:05.000Z',
    });
    const id = await fanOut.deliver(triggerId);
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [matching!.bindingId, 'matched first'],
        [otherTag!.bindingId, 'filtered other-tag'],
        [invalid!.bindingId, 'errored invalid-config'],
        [foreign!.bindingId, 'filtered other-image'],
        [strange!.bindingId, 'errored unknown-kind'],
        [held!.bindingId, 'filtered held'],
      ]),
    );
    const verdicts = await fanOut.verdicts(id);
    expect(verdicts.find(({ bindingId }) => bindingId === invalid!.bindingId)?.reason).toMatch(
      /^\/downgrade .*must be/,
    );
    expect(verdicts.find(({ bindingId }) => bindingId === held!.bindingId)?.reason).toContain('release freeze');
    expect(verdicts.every(({ reason }) => String(reason).length > 0)).toBe(true);
    expect(verdicts.filter(({ deploymentId }) => deploymentId !== null).map(({ bindingId }) => bindingId)).toEqual([
      matching!.bindingId,
    ]);
    expect(verdicts.map(({ bindingId }) => bindingId)).not.toContain(disabled!.bindingId);
  });

  it('asks for what it resolved, with the workload as it is, under one correlation', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    const [bound] = await fanOut.bindAll(triggerId, [{}]);
    const id = await fanOut.deliver(triggerId);
    await processDelivery(fanOut.deps, id);
    const [deployment] = await deploymentsOf(id);
    expect(deployment).toMatchObject({
      workloadId: bound!.workloadId,
      bindingId: bound!.bindingId,
      status: 'waiting',
      reason: 'webhook',
    });
    expect(deployment?.release).toEqual({
      artifact: { kind: 'crate', repository: 'depot.test/crate', tag: 'main', digest: DIGEST },
      config: { image: 'depot.test/crate' },
      faces: [],
      env: {},
      envVersion: 0,
    });
    const [requested] = await fanOut.eventsOf(`deployment-${String(deployment?.id)}`);
    expect(requested).toMatchObject({
      type: 'DeploymentRequested',
      metadata: { correlationId: id, actor: 'system:worker-1', workloadIds: [bound!.workloadId] },
    });
    const [accepted] = await fanOut.rows('select last from view.binding where id = $1', [bound!.bindingId]);
    expect(accepted?.last).toMatchObject({ tag: 'main', digest: DIGEST });
  });

  it('with nobody bound any more, or no trigger, settles with nothing', async () => {
    await start();
    const ids = [
      await fanOut.deliver(await fanOut.trigger()),
      await fanOut.deliver('00000000-0000-7000-8000-000000000001'),
    ];
    for (const id of ids) await processDelivery(fanOut.deps, id);
    for (const id of ids) expect(await fanOut.delivery(id)).toMatchObject({ status: 'settled', judged: [] });
  });

  it('is judged once: the second time finds the same candidate accepted, the same job nothing to do', async () => {
    const source = await start();
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(triggerId, [{}, {}]);
    const [first, second] = [await fanOut.deliver(triggerId), await fanOut.deliver(triggerId)];
    await processDelivery(fanOut.deps, first);
    await processDelivery(fanOut.deps, first);
    await processDelivery(fanOut.deps, second);
    expect([...(await words(first)).values()]).toEqual(['matched first', 'matched first']);
    expect([...(await words(second)).values()]).toEqual(['filtered duplicate', 'filtered duplicate']);
    expect(source.resolved).toHaveLength(1);
    expect(await fanOut.delivery(second)).toMatchObject({ status: 'settled' });
  });

  it('is left alone while another worker has its lease', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(triggerId, [{}]);
    const id = await fanOut.deliver(triggerId);
    await fanOut.store.leases.acquire({ subject: `delivery-${id}`, owner: 'worker-2', ttlMs: 60_000 });
    await processDelivery(fanOut.deps, id);
    expect(await fanOut.verdicts(id)).toEqual([]);
  });
});

describe('a reference', () => {
  it('is resolved once for 40 bindings, and shared by them', async () => {
    const source = await start();
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(
      triggerId,
      Array.from({ length: 40 }, (_, n) => ({ override: follow(n % 2 === 0 ? 'main' : 'develop') })),
    );
    const id = await fanOut.deliver(triggerId, [push('main', null), push('develop', null)]);
    await processDelivery(fanOut.deps, id);
    expect([...source.resolved].sort()).toEqual(['depot.test/crate:develop', 'depot.test/crate:main']);
    const deployments = await deploymentsOf(id);
    expect(deployments).toHaveLength(40);
    expect(
      new Set(deployments.map(({ release }) => (release as { artifact: { digest: string } }).artifact.digest)),
    ).toEqual(new Set([`sha256:${'c'.repeat(64)}`]));
  });
});

describe('a binding that fails', () => {
  const careful: Trigger = {
    ...registry,
    kind: 'careful',
    match(candidates, config, last) {
      if ((config as { platform: string | null }).platform === 'none/here') throw new TypeError('a bug\nin a plugin');
      return registry.match(candidates, config as never, last);
    },
  };

  it('in its trigger disturbs no sibling', async () => {
    await start({}, [careful]);
    const triggerId = await fanOut.trigger({ kind: 'careful' });
    const [a, bad, b] = await fanOut.bindAll(triggerId, [{}, { override: { platform: 'none/here' } }, {}]);
    const id = await fanOut.deliver(triggerId);
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [a!.bindingId, 'matched first'],
        [bad!.bindingId, 'errored judge-failed'],
        [b!.bindingId, 'matched first'],
      ]),
    );
    const reason = (await fanOut.verdicts(id)).find(({ bindingId }) => bindingId === bad!.bindingId)?.reason;
    expect(reason).toBe('The binding could not be judged: a bug in a plugin');
  });

  it.each<[string, string, () => Promise<never>]>([
    [
      'errored no-such-tag',
      'It is not there.',
      async () => Promise.reject(new TerminalError('no-such-tag', 'It is not there.')),
    ],
    ['errored unexpected', 'a bug', async () => Promise.reject(new TypeError('a bug'))],
    [
      'errored unexpected',
      'before it was async',
      () => {
        throw new TypeError('before it was async');
      },
    ],
  ])('in its source disturbs no sibling: %s, %s', async (verdict, reason, failing) => {
    await start({ resolve: (ref) => (ref.tag === 'develop' ? failing() : Promise.resolve(artifactOf(ref))) });
    const triggerId = await fanOut.trigger();
    const [a, bad, b] = await fanOut.bindAll(triggerId, [{}, { override: follow('develop') }, {}]);
    const id = await fanOut.deliver(triggerId, [push('main'), push('develop')]);
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [a!.bindingId, 'matched first'],
        [bad!.bindingId, verdict],
        [b!.bindingId, 'matched first'],
      ]),
    );
    expect((await fanOut.verdicts(id)).find(({ bindingId }) => bindingId === bad!.bindingId)?.reason).toBe(reason);
    expect(await deploymentsOf(id)).toHaveLength(2);
    const [last] = await fanOut.rows('select last from view.binding where id = $1', [bad!.bindingId]);
    expect(last).toEqual({ last: null });
  });

  it('in its commit disturbs no sibling of the chunk, and says the rule', async () => {
    await start();
    const triggerId = await fanOut.trigger();
    const [a, bad, b] = await fanOut.bindAll(triggerId, [{}, {}, {}]);
    const id = await fanOut.deliver(triggerId);
    await fanOut.rows(`create function view.refuse() returns trigger language plpgsql as $$ begin
      if new.workload_id = '${bad!.workloadId}' then raise unique_violation using constraint = 'deployment_delivery_binding'; end if; return new; end $$`);
    await fanOut.rows(
      'create trigger refuse before insert on view.deployment for each row execute function view.refuse()',
    );
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [a!.bindingId, 'matched first'],
        [bad!.bindingId, 'errored already-requested'],
        [b!.bindingId, 'matched first'],
      ]),
    );
    expect(await fanOut.delivery(id)).toMatchObject({ status: 'dispatching', isDispatched: true });
  });
});

describe('a registry that is down', () => {
  it('defers its bindings; the others have their verdict, and none is doubled when it is back', async () => {
    let isDown = true;
    const source = await start({
      resolve: async (ref) => {
        if (isDown && ref.tag === 'main')
          throw new RetryableError('registry-unreachable', 'depot.test cannot be reached.', 30);
        return artifactOf(ref);
      },
    });
    const triggerId = await fanOut.trigger();
    const [later, now, filtered] = await fanOut.bindAll(triggerId, [
      {},
      { override: follow('develop') },
      { override: follow('other') },
    ]);
    const id = await fanOut.deliver(triggerId, [push('main', null), push('develop', null)]);
    const before = Date.now();
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [now!.bindingId, 'matched first'],
        [filtered!.bindingId, 'filtered other-tag'],
      ]),
    );
    expect(await fanOut.delivery(id)).toMatchObject({ status: 'dispatching', isDispatched: false, attempt: 1 });
    const deferred = (await fanOut.eventsOf(`delivery-${id}`)).at(-1);
    expect(deferred).toMatchObject({
      type: 'DeliveryDeferred',
      data: { code: 'registry-unreachable', message: 'depot.test cannot be reached.', attempt: 1 },
    });
    const wait = Date.parse(String(deferred?.data.retryAt)) - before;
    expect(wait).toBeGreaterThanOrEqual(29_000);
    expect(wait).toBeLessThan(60_000);

    isDown = false;
    await processDelivery(fanOut.deps, id);
    expect(await words(id)).toEqual(
      new Map([
        [now!.bindingId, 'matched first'],
        [filtered!.bindingId, 'filtered other-tag'],
        [later!.bindingId, 'matched first'],
      ]),
    );
    expect(await deploymentsOf(id)).toHaveLength(2);
    expect(source.resolved.filter((key) => key.endsWith(':develop'))).toHaveLength(1);
    expect(await fanOut.delivery(id)).toMatchObject({ isDispatched: true });
  });

  it('for good is given up after eight attempts, and said so', async () => {
    await start({ resolve: () => Promise.reject(new RetryableError('registry-unreachable', 'No answer.')) });
    const triggerId = await fanOut.trigger();
    const [bound] = await fanOut.bindAll(triggerId, [{}]);
    const id = await fanOut.deliver(triggerId);
    for (let attempt = 1; attempt <= 8; attempt += 1) await processDelivery(fanOut.deps, id);
    expect(await fanOut.verdicts(id)).toMatchObject([
      {
        bindingId: bound!.bindingId,
        verdict: 'errored',
        code: 'registry-unreachable',
        reason: 'No answer. (given up after 8 attempts)',
      },
    ]);
    expect(await fanOut.delivery(id)).toMatchObject({ status: 'settled', attempt: 7 });
  });
});

it('deploys once what comes several times for one push without a digest, and again when its tag moves', async () => {
  const digests = [DIGEST, DIGEST, `sha256:${'b'.repeat(64)}`];
  await start({ resolve: async (ref) => ({ ...artifactOf(ref), digest: digests.shift() ?? null }) });
  const triggerId = await fanOut.trigger();
  await fanOut.bindAll(triggerId, [{}]);
  const codes: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const id = await fanOut.deliver(triggerId, [push('main', null)]);
    await processDelivery(fanOut.deps, id);
    codes.push(...(await words(id)).values());
  }
  expect(codes).toEqual(['matched first', 'filtered duplicate', 'matched tag-pushed']);
});

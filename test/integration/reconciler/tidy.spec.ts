import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { delivery, type DeliveryReceived } from '#domain/delivery';
import { deployment, type DeploymentCommand } from '#domain/deployment';
import { SETTINGS_ID, settings, type Settings } from '#domain/settings';
import { verifyChain } from '#store/chain';
import { compareViews } from '#store/compare-views';
import { appendLog } from '#store/deployment-log';
import { on, onNew } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { sequenceAll } from '#store/sequencer';
import { tidyOnce } from '../../../apps/reconciler/src/tidy.js';
import { startDriftGround, type DriftGround } from './fixture.js';

const DAY = 86_400_000;
const TRIGGER = '0198c0de-0000-7000-8000-000000000b01';

let ground: DriftGround;
beforeEach(async () => {
  ground = await startDriftGround();
});
afterEach(() => ground.close());

const ago = (days: number) => new Date(Date.now() - days * DAY).toISOString();
const cause = (days: number) => ({ actor: 'system:test', correlationId: 'test', occurredAt: ago(days) });
const set = (changes: Partial<Settings>) =>
  ground.store.commit([on(settings, SETTINGS_ID, { type: 'ChangeSettings', changes })], cause(0));
/** What was recorded before has its position by then. */
async function tidy(): Promise<void> {
  await sequenceAll(ground.store.pool);
  await tidyOnce(ground.store);
}

interface Done {
  /** Days ago. */
  readonly at: number;
  readonly tag?: string;
  readonly fails?: boolean;
}

/** A deployment from its request to its end, as it was so many days ago. */
async function deployed(
  { workloadId, name }: { workloadId: string; name: string },
  { at, tag = '1', fails = false }: Done,
) {
  const id = uuidv7({ msecs: Date.now() - at * DAY });
  const artifact = { kind: 'crate', repository: 'depot.test/crate', tag, digest: `sha256:${tag}` };
  const about = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  const release = { artifact, config: {}, faces: [], env: {} };
  const request = { id, workloadId, workloadName: name, sourceKind: 'crate', node: 'default', ...about, release };
  await requestDeployment(ground.store, request, cause(at));
  const [row] = await ground.rows<{ current: string | null }>(
    'select current_deployment_id as current from view.workload where id = $1',
    [workloadId],
  );
  const record = (command: DeploymentCommand) => ground.store.commit([on(deployment, id, command)], cause(at));
  const claim = { steps: ['route'], commitStep: 'route', owner: 'w', previousDeploymentId: row!.current };
  await record({ type: 'ClaimDeployment', ...claim });
  if (!fails) await record({ type: 'CompleteStep', step: 'route', facts: {} });
  else {
    const failure = { step: 'route', code: 'x', class: 'permanent', message: 'x', attempt: 1, logOffset: 1 } as const;
    await record({ type: 'RecordStepFailure', failure, retryAt: null });
    await record({ type: 'FailDeployment' });
  }
  await appendLog(ground.store.pool, id, [{ seq: 1, at: ago(at), stream: 'step', step: 'route', line: 'routed' }]);
  return id;
}

async function received(at: number, status: DeliveryReceived['status']): Promise<string> {
  const id = uuidv7({ msecs: Date.now() - at * DAY });
  const about = { id, triggerId: TRIGGER, triggerKind: 'registry', origin: 'webhook', vendor: 'generic' } as const;
  const got = { ...about, replayOf: null, events: [], status, reason: null } as const;
  await ground.store.commit([onNew(delivery, id, { type: 'RecordDelivery', received: got })], cause(at));
  return id;
}

const idsOf = async (table: string) =>
  (await ground.rows<{ id: string }>(`select id from view.${table} order by id`)).map(({ id }) => id);
const logsOf = async () =>
  (await ground.rows<{ id: string }>('select distinct deployment_id as id from state.deployment_log order by 1')).map(
    ({ id }) => id,
  );

describe('history', () => {
  it('is kept for ever unless the settings say otherwise', async () => {
    const workload = await ground.workload();
    const ids = [await deployed(workload, { at: 900, fails: true }), await deployed(workload, { at: 800 })];
    const old = await received(900, 'ignored');
    await tidy();
    expect(await idsOf('deployment')).toEqual(ids);
    expect(await idsOf('delivery')).toEqual([old]);
  });

  it('goes with events, rows and logs once it is old; what serves, may come back or is young stays', async () => {
    await set({ historyDays: 30, releasesKept: 2 });
    const workload = await ground.workload();
    const failed = await deployed(workload, { at: 200, fails: true });
    const given = await deployed(workload, { at: 190, tag: '1' });
    const pinned = await deployed(workload, { at: 180, tag: '2' });
    await ground.store.commit([on(deployment, pinned, { type: 'PinRelease' })], cause(180));
    const retained = await deployed(workload, { at: 170, tag: '3' });
    const young = await deployed(workload, { at: 3, tag: '4', fails: true });
    const current = await deployed(workload, { at: 2, tag: '5' });
    const late = await deployed(workload, { at: 1, tag: '6', fails: true });
    const lonely = await ground.workload();
    const never = await deployed(lonely, { at: 200, fails: true });
    const [ignored, open, fresh] = [
      await received(100, 'ignored'),
      await received(99, 'accepted'),
      await received(1, 'ignored'),
    ];
    await tidy();
    await tidy();
    const left = await idsOf('deployment');
    expect(left).not.toContain(failed);
    expect(left).not.toContain(given);
    expect(left).toEqual([never, pinned, retained, young, current, late].sort());
    expect(await idsOf('delivery')).toEqual([open, fresh].sort());
    expect(await logsOf()).toEqual(left);
    const gone = [`deployment-${failed}`, `deployment-${given}`, `delivery-${ignored}`];
    expect(await ground.rows('select id from log.event where stream = any ($1)', [gone])).toEqual([]);
    await sequenceAll(ground.store.pool);
    expect(await verifyChain(ground.store.pool)).toMatchObject({ intact: true, pruned: expect.any(Number) });
    expect(await compareViews({ databaseUrl: ground.databaseUrl })).toEqual([]);
    const told = await ground.rows<{ data: { deploymentIds: string[] } }>(
      `select data from log.event where type = 'LogPruned'`,
    );
    expect(told.flatMap(({ data }) => data.deploymentIds)).toEqual(expect.arrayContaining([failed, given]));
    const before = told.length;
    await tidy();
    expect(await ground.rows(`select 1 from log.event where type = 'LogPruned'`)).toHaveLength(before);
  });

  it('of more streams than one commit takes goes in several', async () => {
    await set({ historyDays: 30 });
    for (let n = 0; n < 201; n += 1) await received(100, 'ignored');
    await tidy();
    expect(await idsOf('delivery')).toEqual([]);
    expect(await ground.rows(`select 1 from log.event where type = 'LogPruned'`)).toHaveLength(2);
  });
});

describe('what else expires', () => {
  it('the log of a deployment after 30 days, but never of the last 50 of its workload', async () => {
    const workload = await ground.workload();
    const old = await deployed(workload, { at: 60 });
    const kept = await deployed(workload, { at: 59 });
    for (let n = 0; n < 48; n += 1) await deployed(workload, { at: 40 - n / 100, fails: true });
    const young = await deployed(workload, { at: 1 });
    await tidy();
    const logs = await logsOf();
    expect(logs).not.toContain(old);
    expect(logs).toEqual(expect.arrayContaining([kept, young]));
    expect(logs).toHaveLength(50);
  });

  it('what containers said after the days of the settings', async () => {
    const { workloadId } = await ground.workload();
    const chunk = (seq: number, days: number) =>
      ground.rows(
        `insert into state.log_chunk (workload_id, seq, lines, bytes, container, container_id, first_at, last_at, body)
          values ($1, $2, 1, 1, 'c', 'c', $3, $3, '')`,
        [workloadId, seq, ago(days)],
      );
    await set({ logDays: 7 });
    await chunk(1, 8);
    await chunk(2, 6);
    await tidy();
    expect(await ground.rows('select seq::int from state.log_chunk')).toEqual([{ seq: 2 }]);
  });

  it('the heartbeats of processes that are gone, but not the last words of a node', async () => {
    const beat = (owner: string, node: string, days: number) =>
      ground.rows(
        `insert into state.heartbeat (owner, role, node, release, started_at, seen_at, silent_at)
          values ($1, 'deploy-worker', $2, '1', $3, $3, $3)`,
        [owner, node, ago(days)],
      );
    await beat('old', 'berlin', 3);
    await beat('new', 'berlin', 0);
    await beat('older', 'paris', 30);
    await beat('last', 'paris', 20);
    await tidy();
    const owners = await ground.rows<{ owner: string }>('select owner from state.heartbeat order by owner');
    expect(owners.map(({ owner }) => owner)).toEqual(['last', 'new']);
  });

  it('cursors of containers that nobody has seen for a week', async () => {
    const { workloadId } = await ground.workload();
    for (const [id, days] of [
      ['gone', 8],
      ['there', 1],
    ] as const)
      await ground.rows('insert into state.log_cursor values ($1, $2, $3, 0, $4)', [id, workloadId, '', ago(days)]);
    await tidy();
    expect(await ground.rows('select container_id as id from state.log_cursor')).toEqual([{ id: 'there' }]);
  });
});

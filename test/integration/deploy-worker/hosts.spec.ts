import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { compareViews } from '#store/compare-views';
import { requestDeployment } from '#store/request-deployment';
import { requestRollback } from '#store/request-rollback';
import { processDeployment } from '../../../apps/deploy-worker/src/deploy/deploy.processor.js';
import type { WorkerDeps } from '../../../apps/deploy-worker/src/deps.js';
import { processTeardown } from '../../../apps/deploy-worker/src/teardown.processor.js';
import { forEver, twoSteps } from '../../support/two-steps.js';
import { finished } from '../../support/workloads.js';
import { startFanOut, type Bound, type FanOut } from '../fan-out/fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
const AT = new Date(0).toISOString();

let fanOut: FanOut;
let deps: WorkerDeps;
let routesDirectory: string;
let a: Bound;
let b: Bound;
/** Workloads whose shipping never ends. */
let stuck: Set<string>;

beforeEach(async () => {
  stuck = new Set();
  const ship = twoSteps({ ship: (io, name) => (stuck.has(name) ? forEver(io) : Promise.resolve()) });
  fanOut = await startFanOut({ source: ship.source, enqueues: false });
  routesDirectory = await mkdtemp(join(tmpdir(), 'tf-routes-'));
  deps = { ...fanOut.deps, routesDirectory };
  [a, b] = (await fanOut.bindAll(await fanOut.trigger(), [{}, {}])) as [Bound, Bound];
});
afterEach(async () => {
  expect(await compareViews({ databaseUrl: fanOut.databaseUrl })).toEqual([]);
  await fanOut.close();
  await rm(routesDirectory, { recursive: true, force: true });
});

async function request(
  { workloadId, name: workloadName }: Bound,
  hosts: readonly string[],
  tag = '1',
): Promise<string> {
  const id = uuidv7();
  const artifact = { kind: 'crate', repository: 'depot.test/crate', tag, digest: `sha256:${tag}` };
  const faces = hosts.map((host) => ({ host, path: '/', port: null }));
  const release = { artifact, config: { image: 'depot.test/crate' }, faces, env: {} };
  const about = { id, workloadId, workloadName, sourceKind: 'crate', node: 'default', release };
  const origin = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(fanOut.store, { ...about, ...origin }, CAUSE);
  return id;
}
async function deploy(of: Bound, hosts: readonly string[], tag = '1'): Promise<string> {
  const id = await request(of, hosts, tag);
  await processDeployment(deps, id);
  return id;
}
const rowOf = async (id: string) =>
  (await fanOut.rows('select status, error from view.deployment where id = $1', [id]))[0] as {
    status: string;
    error: object | null;
  };
const currentFaces = async () =>
  (
    await fanOut.rows(
      `select face->>'host' as host from view.workload w join view.deployment d on d.id = w.current_deployment_id,
        jsonb_array_elements(d.release->'faces') face order by 1`,
    )
  ).map(({ host }) => host);

describe('two workloads that want one face', () => {
  it('get it one after the other, however they race', async () => {
    for (let round = 1; round <= 10; round += 1) {
      const host = `race-${round}.test`;
      const ids = [await request(a, [host], `${round}`), await request(b, [`b.${host}`, host], `${round}`)];
      await Promise.all(ids.map((id) => processDeployment(deps, id)));
      const rows = await Promise.all(ids.map(rowOf));
      expect(rows.map(({ status }) => status).sort()).toEqual(['failed', 'succeeded']);
      expect(rows.find(({ status }) => status === 'failed')!.error).toMatchObject({
        step: 'claim',
        code: 'host-taken',
        class: 'permanent',
        attempt: 1,
      });
      expect((await currentFaces()).filter((face) => face === host)).toHaveLength(1);
    }
  });

  it('have it when the other serves it no longer, whatever the other’s config says', async () => {
    const first = await deploy(a, ['shop.test']);
    const refused = await deploy(b, ['shop.test']);
    expect((await rowOf(refused)).error).toMatchObject({
      message: `shop.test/ is served by workload ${a.name}. Deploy that one without it, or remove it, and deploy again.`,
    });
    await deploy(a, ['other.test'], '2');
    expect(await rowOf(await deploy(b, ['shop.test'], '2'))).toMatchObject({ status: 'succeeded' });
    expect(await currentFaces()).toEqual(['other.test', 'shop.test']);
    const { workloadId } = a;
    const back = { id: uuidv7(), workloadId, deploymentId: first, note: null, at: AT };
    await expect(requestRollback(fanOut.store, back, CAUSE)).rejects.toMatchObject({
      code: 'host-taken',
      message: expect.stringContaining(b.name),
    });
  });

  it('do not meet in a rollback that was asked for before the other came', async () => {
    await deploy(a, ['shop.test']);
    await deploy(a, [], '2');
    const rollback = uuidv7();
    await requestRollback(fanOut.store, { id: rollback, workloadId: a.workloadId, note: null, at: AT }, CAUSE);
    expect(await rowOf(await deploy(b, ['shop.test']))).toMatchObject({ status: 'succeeded' });
    await processDeployment(deps, rollback);
    expect(await rowOf(rollback)).toMatchObject({ status: 'failed', error: { code: 'host-taken' } });
    expect(await currentFaces()).toEqual(['shop.test']);
  });

  it('is free again after a deployment that failed, and after a teardown', async () => {
    const [x, y] = (await fanOut.bindAll(await fanOut.trigger(), [{}, {}])) as [Bound, Bound];
    stuck.add(x.name);
    const id = await request(x, ['free.test']);
    const running = processDeployment(deps, id);
    expect((await rowOf(await untilClaimed(id))).status).toBe('running');
    expect(await rowOf(await deploy(y, ['free.test']))).toMatchObject({ error: { code: 'host-taken' } });
    await fanOut.rows(`update state.lease set epoch = epoch + 1, until = '-infinity' where subject = $1`, [
      `workload-${x.workloadId}`,
    ]);
    await running;
    stuck.clear();
    await fanOut.change(x.workloadId, { type: 'DeleteWorkload', children: [] });
    await processTeardown(deps, x.workloadId);
    expect(await rowOf(await deploy(y, ['free.test'], '2'))).toMatchObject({ status: 'succeeded' });
  });

  it('keeps what it serves: another deployment of it is no new claim', async () => {
    const id = await deploy(a, ['shop.test']);
    // As a log that is older than the rule may have it.
    await fanOut.rows(`insert into view.claim values ($1, $2, 'shop.test', '/')`, [uuidv7(), b.workloadId]);
    expect(await rowOf(await deploy(a, ['shop.test'], '2'))).toMatchObject({ status: 'succeeded' });
    await fanOut.rows('delete from view.claim where workload_id = $1', [b.workloadId]);
    expect(await finished(fanOut.store, id)).toMatchObject({ status: 'succeeded' });
  });
});

async function untilClaimed(id: string): Promise<string> {
  await expect.poll(async () => (await rowOf(id)).status, { timeout: 10_000 }).toBe('running');
  return id;
}

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDeploymentLog } from '../../../apps/deploy-worker/src/deploy/deployment-log.js';
import { processTeardown } from '../../../apps/deploy-worker/src/teardown.processor.js';
import { readLog } from '#store/deployment-log';
import { crateSource } from '../../support/crate.js';
import { startFanOut, type FanOut } from '../fan-out/fixture.js';

let fanOut: FanOut;
beforeEach(async () => {
  fanOut = await startFanOut({ source: crateSource(), enqueues: false });
});
afterEach(() => fanOut.close());

describe('the log of a deployment', () => {
  const linesOf = async (id: string) =>
    (await readLog(fanOut.store.pool, id, { after: 0, limit: 100 })).map(({ seq, line }) => `${seq} ${line}`);

  it('loses no line to a write that failed, and is in order afterwards', async () => {
    const id = randomUUID();
    const log = await openDeploymentLog(fanOut.store.pool, id, []);
    log.write('pull', 'one');
    await fanOut.rows('alter table state.deployment_log rename to away');
    await expect(log.flush()).rejects.toThrow();
    log.write('pull', 'two');
    await expect(log.flush()).rejects.toThrow();
    await fanOut.rows('alter table state.away rename to deployment_log');
    log.write('pull', 'three');
    await log.flush();
    expect(await linesOf(id)).toEqual(['1 one', '2 two', '3 three']);
  });

  it('goes on where an earlier holder of the deployment stopped', async () => {
    const id = randomUUID();
    for (const line of ['before', 'after']) {
      const log = await openDeploymentLog(fanOut.store.pool, id, []);
      log.write('pull', line);
      await log.flush();
    }
    expect(await linesOf(id)).toEqual(['1 before', '2 after']);
  });

  it('blanks known secrets, also one that begins another', async () => {
    const id = randomUUID();
    const log = await openDeploymentLog(fanOut.store.pool, id, ['', 'hunter2', 'hunter2-and-more']);
    log.write('hook', 'with hunter2-and-more, then hunter2\u0000');
    await log.flush();
    expect(await linesOf(id)).toEqual(['1 with •••, then •••']);
  });
});

describe('a teardown', () => {
  it('of a source that this release does not know is left for one that does', async () => {
    const [bound] = await fanOut.bindAll(await fanOut.trigger(), [{ sourceKind: 'quantum' }]);
    await fanOut.change(bound!.workloadId, { type: 'DeleteWorkload', children: [] });
    await processTeardown(fanOut.deps, bound!.workloadId);
    expect(await fanOut.rows('select lifecycle from view.workload where id = $1', [bound!.workloadId])).toEqual([
      { lifecycle: 'deleting' },
    ]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDeployWorker, type DeployWorker } from '../../../apps/deploy-worker/src/create-worker.js';
import { crateSource, type CrateSource } from '../../support/crate.js';
import { until } from '../../support/until.js';
import { push, startFanOut, type FanOut } from './fixture.js';

/** Steps wait here until the test lets them on, one by one. */
class Gate {
  readonly inside: string[] = [];
  #waiting: (() => void)[] = [];
  #isOpen = false;
  most = 0;

  pass = async (name: string): Promise<void> => {
    this.inside.push(name);
    this.most = Math.max(this.most, this.inside.length);
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.inside.splice(this.inside.indexOf(name), 1);
  };

  letOneOn(): void {
    this.#waiting.shift()?.();
  }

  open(): void {
    this.#isOpen = true;
    this.#waiting.splice(0).forEach((resolve) => resolve());
  }
}

let gate: Gate;
let source: CrateSource;
let fanOut: FanOut;
let worker: DeployWorker;
beforeEach(async () => {
  gate = new Gate();
  source = crateSource({ ship: ({ workloadName }) => gate.pass(workloadName) });
  fanOut = await startFanOut({ source });
  worker = createDeployWorker(fanOut.deps);
});
afterEach(async () => {
  gate.open();
  await worker.stop();
  await fanOut.close();
});

const inside = async (count: number) =>
  await expect.poll(() => gate.inside.length, { timeout: 10_000, interval: 10 }).toBe(count);
const settled = (id: string) =>
  until(async () => (await fanOut.delivery(id)).status === 'settled', 'the delivery to settle', 20_000);
const running = async (id: string) =>
  (await fanOut.rows(`select id from view.deployment where delivery_id = $1 and status = 'running'`, [id])).length;

describe('of one delivery', () => {
  it('no more deployments run at a time than the settings allow, and all of them in the end', async () => {
    await fanOut.set({ maxTriggerFanOutConcurrency: 3 });
    const triggerId = await fanOut.trigger();
    const bound = await fanOut.bindAll(
      triggerId,
      Array.from({ length: 12 }, () => ({})),
    );
    worker.start();
    const id = await fanOut.deliver(triggerId);
    for (let done = 0; done < 12; done += 1) {
      await inside(Math.min(3, 12 - done));
      expect(await running(id)).toBeLessThanOrEqual(3);
      gate.letOneOn();
      await until(async () => source.shipped.length === done + 1, `${done + 1} to be done`, 10_000);
    }
    await settled(id);
    expect(gate.most).toBe(3);
    expect([...source.shipped].sort()).toEqual(bound.map(({ name }) => name).sort());
  });

  it('the limit is 4 unless it is set', async () => {
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(
      triggerId,
      Array.from({ length: 7 }, () => ({})),
    );
    worker.start();
    const id = await fanOut.deliver(triggerId);
    await inside(4);
    // The three that wait were claimed, refused and brought again in the meantime.
    await until(
      async () =>
        (
          await fanOut.rows(
            `select 1 from view.deployment where delivery_id = $1 and requested_at < now() - interval '1 second'`,
            [id],
          )
        ).length > 0,
      'a few sweeps',
      5_000,
    );
    expect([gate.inside.length, await running(id)]).toEqual([4, 4]);
    gate.open();
    await settled(id);
    expect(gate.most).toBe(4);
  });

  it('another delivery has a limit of its own', async () => {
    await fanOut.set({ maxTriggerFanOutConcurrency: 2 });
    const [one, two] = [await fanOut.trigger(), await fanOut.trigger()];
    await fanOut.bindAll(one, [{}, {}, {}]);
    await fanOut.bindAll(two, [{}, {}, {}]);
    worker.start();
    const ids = [await fanOut.deliver(one), await fanOut.deliver(two, [push('main')])];
    await inside(4);
    for (const id of ids) expect(await running(id)).toBe(2);
    gate.open();
    for (const id of ids) await settled(id);
  });

  it('two workers count together', async () => {
    await fanOut.set({ maxTriggerFanOutConcurrency: 2 });
    const other = createDeployWorker({ ...fanOut.deps, owner: 'worker-2' });
    const triggerId = await fanOut.trigger();
    await fanOut.bindAll(
      triggerId,
      Array.from({ length: 10 }, () => ({})),
    );
    worker.start();
    other.start();
    try {
      const id = await fanOut.deliver(triggerId);
      await inside(2);
      gate.open();
      await settled(id);
      expect(gate.most).toBeLessThanOrEqual(2);
      expect(source.shipped).toHaveLength(10);
    } finally {
      gate.open();
      await other.stop();
    }
  });
});

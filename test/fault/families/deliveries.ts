import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { pause, succeeds } from '../deploys.js';
import { GOOD } from '../../support/world/images.js';
import { until } from '../../support/until.js';
import type { World } from '../../support/world/world.js';

const duplicates: Fault = {
  name: 'one delivery five times at once',
  rows: [24],
  async run({ world, random }) {
    const push = await world.deliveries.push(random.pick(GOOD));
    const answers = await Promise.all(Array.from({ length: 5 }, () => world.deliveries.send(push).catch(() => null)));
    const strange = answers.filter((answer) => answer !== null && ![200, 202, 503].includes(answer.status));
    expectThat(strange.length === 0, `answered ${strange.map((answer) => answer!.status).join(', ')}`);
    await world.deliveries.deliver(push);
  },
};

const burst: Fault = {
  name: 'many deliveries at once',
  rows: [29, 30],
  isAlone: true,
  async run({ world, random }) {
    const pushes = [];
    for (let count = 0; count < 30; count += 1) pushes.push(await world.deliveries.push(random.pick(GOOD)));
    await Promise.all(pushes.map((push) => world.deliveries.deliver(push)));
    // A workload that others flood does not keep a third one waiting.
    await succeeds(world, await world.deploy(world.workloads[0]!, random.pick(GOOD)));
  },
};

const beforeCommit: Fault = {
  name: 'ingress killed before its commit',
  rows: [1],
  isAlone: true,
  async run({ world, random }) {
    const push = await world.deliveries.push(random.pick(GOOD));
    world.links['webhook-ingress'].postgres.hang();
    const answer = world.deliveries.send(push).catch(() => null);
    await pause(random.between(50, 200));
    await world.processes.end('webhook-ingress', 'SIGKILL');
    world.links['webhook-ingress'].postgres.sever();
    world.links['webhook-ingress'].postgres.heal();
    expectThat((await answer) === null, 'it was answered');
    await world.processes.up('webhook-ingress');
    const { rows } = await world.store.pool.query('select 1 from view.delivery where events @> $1', [
      JSON.stringify([{ tag: push.tag }]),
    ]);
    expectThat(rows.length === 0, 'it was stored');
    await world.deliveries.deliver(push);
  },
};

/** Stored, and nobody was told: the sender's second try is the same delivery. */
const afterCommit: Fault = {
  name: 'ingress killed between commit and answer',
  rows: [2],
  isAlone: true,
  async run({ world, random }) {
    const push = await world.deliveries.push(random.pick(GOOD));
    const link = world.links['webhook-ingress'].postgres;
    const committing = link.holdRepliesFrom('commit\0');
    const answer = world.deliveries.send(push).catch(() => null);
    await committing;
    await until(() => isStored(world, push.tag), 'the commit');
    await world.processes.end('webhook-ingress', 'SIGKILL');
    link.sever();
    link.heal();
    expectThat((await answer) === null, 'it was answered');
    await world.deliveries.deliver(push);
  },
};

async function isStored({ store }: World, tag: string): Promise<boolean> {
  const { rows } = await store.pool.query('select 1 from view.delivery where events @> $1', [
    JSON.stringify([{ tag }]),
  ]);
  return rows.length > 0;
}

/** The newest is deployed in the end, whatever came between. */
const whileDeploying: Fault = {
  name: 'newer pushes while one is deployed',
  rows: [34],
  isAlone: true,
  async run({ world, random }) {
    const pushes = [];
    for (let count = 0; count < 4; count += 1) pushes.push(await world.deliveries.push(GOOD[count % GOOD.length]!));
    for (const push of pushes) {
      await world.deliveries.deliver(push);
      await pause(random.between(0, 700));
    }
    await serves(world, pushes.at(-1)!.tag);
  },
};

const outOfOrder: Fault = {
  name: 'an older push after a newer one',
  rows: [25],
  isAlone: true,
  async run({ world, random }) {
    const older = await world.deliveries.push(random.pick(GOOD));
    const newer = await world.deliveries.push(random.pick(GOOD));
    await world.deliveries.deliver(newer);
    await serves(world, newer.tag);
    const id = await world.deliveries.deliver(older);
    await until(async () => (await statusOf(world, id)) === 'settled', 'the older one to settle');
    await serves(world, newer.tag);
  },
};

async function serves(world: World, tag: string): Promise<void> {
  const ids = world.bound.map(({ id }) => id);
  await until(async () => {
    const { rows } = await world.store.pool.query<{ tag: string }>(
      `select current_artifact->>'tag' as tag from view.workload where id = any($1)`,
      [ids],
    );
    return rows.every((row) => row.tag === tag);
  }, `${tag} to be deployed everywhere`);
}

async function statusOf({ store }: World, deliveryId: string): Promise<string | undefined> {
  const { rows } = await store.pool.query<{ status: string }>('select status from view.delivery where id = $1', [
    deliveryId,
  ]);
  return rows[0]?.status;
}

export const deliveries: readonly Fault[] = [duplicates, burst, beforeCommit, afterCommit, whileDeploying, outOfOrder];

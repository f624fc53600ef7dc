import type { Fault } from '../fault.js';
import { busy, pause } from '../deploys.js';
import { ROLES, WORKERS } from '../../support/world/processes.js';

const restarted: Fault[] = (['SIGQUIT', 'SIGINT'] as const).map((signal) => ({
  name: `Postgres restarted (${signal === 'SIGQUIT' ? 'as after a crash' : 'connections cut'})`,
  rows: [12],
  isAlone: true,
  async run(stage) {
    const seeThrough = await busy(stage);
    await pause(stage.random.between(0, 1_500));
    await stage.world.cluster.restart(signal);
    await seeThrough();
  },
}));

/** Longer than a lease: whoever holds one stops before it ends. */
const partition: Fault = {
  name: 'a worker cut off from Postgres',
  rows: [23],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_000));
    const link = world.links[random.pick(WORKERS)].postgres;
    link.hang();
    await pause(random.between(500, 3_500));
    if (random.next() < 0.5) link.sever();
    link.heal();
    await seeThrough();
  },
};

const refused: Fault = {
  name: 'Postgres refuses everybody',
  rows: [12, 14],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_000));
    for (const role of ROLES) world.links[role].postgres.refuse();
    await pause(random.between(300, 2_500));
    for (const role of ROLES) world.links[role].postgres.heal();
    await seeThrough();
  },
};

const slow: Fault = {
  name: 'Postgres is slow',
  rows: [14],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const delay = random.between(20, 120);
    for (const role of ROLES) world.links[role].postgres.slow(delay);
    const seeThrough = await busy(stage);
    await pause(2_000);
    for (const role of ROLES) world.links[role].postgres.heal();
    await seeThrough();
  },
};

const terminated: Fault = {
  name: 'backends of Postgres ended, LISTEN too',
  rows: [48],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    for (let times = random.between(1, 4); times > 0; times -= 1) {
      await world.store.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'test'
            and (application_name like '%sequencer%' or random() < 0.5)`,
      );
      await pause(random.between(50, 400));
    }
    await seeThrough();
  },
};

/** Its number is drawn, its commit comes after later ones. */
const lateCommit: Fault = {
  name: 'an append that commits after later ones',
  rows: [49],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    world.links['worker-1'].postgres.slow(random.between(150, 300));
    const seeThrough = await busy(stage, 4);
    await pause(1_500);
    world.links['worker-1'].postgres.heal();
    await seeThrough();
  },
};

/** An idle transaction that holds what the sequencer needs is ended by Postgres, or waited for. */
const heldLock: Fault = {
  name: 'an idle transaction holds the sequencer’s lock',
  rows: [16, 49],
  isAlone: true,
  async run(stage) {
    const { world } = stage;
    const seeThrough = await busy(stage);
    const client = await world.store.pool.connect();
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(7, 1)');
    await pause(1_500);
    await client.query('commit');
    client.release();
    await seeThrough();
  },
};

const manyWriters: Fault = {
  name: 'many writers at one stream',
  rows: [47],
  async run({ world, workload, random }) {
    const { version } = await world.api.must({ path: `/workloads/${workload.id}` });
    const titles = Array.from({ length: 24 }, () => `title ${random.between(0, 1e9)}`);
    const answers = await Promise.all(
      titles.map((title) =>
        world.api.once({ method: 'PATCH', path: `/workloads/${workload.id}`, body: { title } }).catch(() => null),
      ),
    );
    const statuses = answers.flatMap((answer) => (answer === null ? [] : [answer.status]));
    const strange = statuses.filter((status) => ![200, 409, 412, 502, 503].includes(status));
    if (strange.length > 0) throw new Error(`writers were answered ${strange.join(', ')}`);
    const after = await world.api.must({ path: `/workloads/${workload.id}` });
    const wins = statuses.filter((status) => status === 200).length;
    if (after.version < version + wins)
      throw new Error(`${wins} writers were told 200, the version rose from ${version} to ${after.version}`);
  },
};

export const postgres: readonly Fault[] = [
  ...restarted,
  partition,
  refused,
  slow,
  terminated,
  lateCommit,
  heldLock,
  manyWriters,
];

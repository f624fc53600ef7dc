import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { until } from '../../support/until.js';
import type { World } from '../../support/world/world.js';
import { busy, deployWell, nextVersion, succeeds } from '../deploys.js';
import { expectThat, type Fault } from '../fault.js';

async function occupy(port: number): Promise<Server | null> {
  const server = createServer();
  const isUp = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  return (await isUp) ? server : null;
}

async function close(servers: readonly (Server | null)[]): Promise<void> {
  for (const server of servers) if (server !== null) await once(server.close(), 'close');
}

const crowded: Fault = {
  name: 'strangers on most host ports',
  rows: [41],
  isAlone: true,
  async run(stage) {
    const { first, last } = stage.world.portRange;
    const ports = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const servers = await Promise.all(ports.filter(() => stage.random.next() < 0.7).map(occupy));
    try {
      const seeThrough = await busy(stage, 2);
      await seeThrough();
    } finally {
      await close(servers);
      await letGo(stage.world);
    }
  },
};

/** Taken between our look and Docker's. */
const snatched: Fault = {
  name: 'a host port taken just before the start',
  rows: [41],
  async run(stage) {
    const { world, workload } = stage;
    const trap = world.failpoints.set(workload.id, { point: 'start', moment: 'before', action: 'delay' });
    const id = await world.deploy(workload, nextVersion(stage));
    await trap.sprung();
    const { rows } = await world.store.pool.query<{ port: number }>(
      'select port from state.port where container_name like $1',
      [`%-${id.replaceAll('-', '').slice(-8)}-%`],
    );
    const servers = await Promise.all(rows.map(({ port }) => occupy(port)));
    try {
      await succeeds(world, id);
    } finally {
      await close(servers);
    }
  },
};

/** The reconciler does it every minute. */
async function letGo({ store }: World): Promise<void> {
  await store.pool.query('delete from state.port where container_port = 0');
}

const SKEW = (ms: number) => `const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length === 0) super(Real.now() + ${ms}); else super(...given); }
    static now() { return Real.now() + ${ms}; }
  };`;

const clocks: Fault[] = [-60_000, 60_000].map((ms) => ({
  name: `a worker whose clock is ${ms / 1000} s off`,
  rows: [31],
  isAlone: true,
  async run(stage) {
    const { world } = stage;
    const file = join(world.folder, `skew${ms}.mjs`);
    await writeFile(file, SKEW(ms));
    world.processes.setExtra('worker-2', { NODE_OPTIONS: `--import ${file}` });
    try {
      await world.processes.end('worker-2', 'SIGTERM');
      await world.processes.up('worker-2');
      await (
        await busy(stage, 4)
      )();
    } finally {
      world.processes.setExtra('worker-2', null);
      await world.processes.end('worker-2', 'SIGKILL');
    }
  },
}));

/** Several jobs for one deployment: one lease, and whoever comes second goes away again. */
const together: Fault = {
  name: 'both workers sent to one deployment',
  rows: [3, 33],
  async run(stage) {
    const { world, workload } = stage;
    const queue = new Queue('deploy-default', { connection: { url: world.redis.url } });
    const id = await world.deploy(workload, nextVersion(stage));
    const opts = (index: number) => ({ jobId: `deploy-8${id.slice(-6)}${index}-0`, removeOnComplete: true });
    await queue.addBulk(Array.from({ length: 8 }, (_, index) => ({ name: 'deploy', data: { id }, opts: opts(index) })));
    await queue.close();
    await succeeds(world, id);
  },
};

const twoReconcilers: Fault = {
  name: 'two reconcilers, and one is killed',
  rows: [32],
  isAlone: true,
  async run(stage) {
    const { world } = stage;
    const second = world.processes.beside('reconciler');
    try {
      const seeThrough = await busy(stage);
      await world.processes.end('reconciler', 'SIGKILL');
      await seeThrough();
      await until(async () => (await leaders(world)) >= 1, 'somebody to lead', 20_000);
    } finally {
      await second.stop('SIGTERM');
    }
  },
};

async function leaders({ store }: World): Promise<number> {
  const { rows } = await store.pool.query(
    `select from state.lease where subject not like 'workload-%' and subject not like 'delivery-%' and until > now()`,
  );
  return rows.length;
}

const wrongKey: Fault = {
  name: 'a process with another master key',
  rows: [55],
  async run({ world, random }) {
    const role = random.pick(['api', 'webhook-ingress', 'worker-1', 'reconciler'] as const);
    const { code, output } = await world.processes.once(role, { TINYFORGE_MASTER_KEY: 'ab'.repeat(32) });
    expectThat(code !== 0, `${role} started`);
    expectThat(!output.includes('ab'.repeat(32)), `${role} printed the key`);
    const missing = await world.processes.once(role, { TINYFORGE_DATA_DIR: join(world.folder, 'elsewhere') });
    expectThat(missing.code !== 0, `${role} started without a key`);
  },
};

const well: Fault = {
  name: 'nothing at all goes wrong',
  rows: [39],
  run: (stage) => deployWell(stage),
};

export const hosts: readonly Fault[] = [crowded, snatched, ...clocks, together, twoReconcilers, wrongKey, well];

import type { Fault } from '../fault.js';
import { busy, nextVersion, pause, succeeds } from '../deploys.js';
import { WORKERS } from '../../support/world/processes.js';

/** Containers run on; Docker's own proxy, which publishes their ports, does not. */
const restarted: Fault[] = (['SIGTERM', 'SIGKILL'] as const).map((signal) => ({
  name: `dockerd restarted by ${signal}`,
  rows: [9],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_500));
    const forgive = world.probe.excuse();
    await world.engine.restart(signal);
    await world.probe.recovered();
    forgive();
    await seeThrough();
  },
}));

const silent: Fault = {
  name: 'dockerd takes calls and answers none',
  rows: [10],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_000));
    for (const role of WORKERS) world.links[role].docker.hang();
    await pause(random.between(500, 4_000));
    // What hung is lost with its connection, as when dockerd is started anew, or comes late.
    for (const role of WORKERS) {
      if (random.next() < 0.5) world.links[role].docker.sever();
      world.links[role].docker.heal();
    }
    await seeThrough();
  },
};

/** One call is never answered although the connection stands: the deadline of the call is all there is. */
const mute: Fault = {
  name: 'dockerd never answers one call',
  rows: [10],
  isAlone: true,
  isSlow: true,
  async run(stage) {
    const { world, random } = stage;
    const seen = Promise.race(WORKERS.map((role) => world.links[role].docker.holdRepliesFrom('/containers/create')));
    const id = await world.deploy(stage.workload, nextVersion(stage));
    await seen;
    await pause(random.between(61_000, 62_000));
    for (const role of WORKERS) world.links[role].docker.heal();
    await succeeds(world, id, 120_000);
  },
};

const paused: Fault = {
  name: 'dockerd paused',
  rows: [10],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    const forgive = world.probe.excuse();
    process.kill(world.engine.pid, 'SIGSTOP');
    await pause(random.between(500, 3_000));
    process.kill(world.engine.pid, 'SIGCONT');
    await world.probe.recovered();
    forgive();
    await seeThrough();
  },
};

const cut: Fault = {
  name: 'dockerd cut off in the middle of an answer',
  rows: [11],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 800));
    for (const role of WORKERS) world.links[role].docker.cutReplies(random.between(1, 700));
    await pause(random.between(300, 1_500));
    for (const role of WORKERS) world.links[role].docker.heal();
    await seeThrough();
  },
};

const away: Fault = {
  name: 'dockerd away',
  rows: [9],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_000));
    for (const role of WORKERS) world.links[role].docker.refuse();
    await pause(random.between(300, 2_000));
    for (const role of WORKERS) world.links[role].docker.heal();
    await seeThrough();
  },
};

const slow: Fault = {
  name: 'dockerd is slow',
  rows: [10],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    for (const role of WORKERS) world.links[role].docker.slow(random.between(50, 250));
    const seeThrough = await busy(stage);
    await pause(2_000);
    for (const role of WORKERS) world.links[role].docker.heal();
    await seeThrough();
  },
};

export const docker: readonly Fault[] = [...restarted, silent, mute, paused, cut, away, slow];

import type { Fault } from '../fault.js';
import { busy, pause } from '../deploys.js';
import { ROLES, WORKERS } from '../../support/world/processes.js';

const killed: Fault[] = ROLES.map((role) => ({
  name: `${role} killed under work`,
  rows: [8],
  isAlone: true,
  async run(stage) {
    const seeThrough = await busy(stage);
    await pause(stage.random.between(0, 1_500));
    await stage.world.processes.end(role, 'SIGKILL');
    await seeThrough();
  },
}));

const all: Fault = {
  name: 'every process killed at once',
  rows: [4, 8],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const seeThrough = await busy(stage);
    await pause(random.between(0, 1_500));
    await Promise.all(ROLES.map((role) => world.processes.end(role, 'SIGKILL')));
    await seeThrough();
  },
};

const bothWorkers: Fault = {
  name: 'both workers killed at once',
  rows: [4, 6],
  isAlone: true,
  async run(stage) {
    const seeThrough = await busy(stage, 4);
    await pause(stage.random.between(0, 1_500));
    await Promise.all(WORKERS.map((role) => stage.world.processes.end(role, 'SIGKILL')));
    await seeThrough();
  },
};

export const processes: readonly Fault[] = [...killed, all, bothWorkers];

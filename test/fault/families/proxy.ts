import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adminRequest } from '#runtime/caddy-admin';
import { runDirectory } from '#runtime/run-dir';
import type { World } from '../../support/world/world.js';
import { busy, pause } from '../deploys.js';
import type { Fault } from '../fault.js';

async function killCaddy({ dataDir }: World): Promise<void> {
  process.kill(Number(await readFile(join(dataDir, 'caddy.pid'), 'utf8')), 'SIGKILL');
}

async function emptyCaddy({ dataDir }: World): Promise<void> {
  const socket = join(runDirectory(dataDir), 'caddy.sock');
  const body = { admin: { listen: `unix/${socket}`, config: { persist: false } } };
  await adminRequest(`unix://${socket}`, { method: 'POST', path: '/load', body });
}

/** Mended by the keeper; deployments that switch meanwhile succeed. */
const faults: Fault[] = [
  { name: 'Caddy killed', harm: killCaddy },
  { name: 'Caddy lost its configuration', harm: emptyCaddy },
].map(({ name, harm }) => ({
  name,
  rows: [42],
  isAlone: true,
  async run(stage) {
    const { world, random } = stage;
    const forgive = world.probe.excuse();
    const seeThrough = await busy(stage, 2);
    await pause(random.between(0, 1_000));
    await harm(world);
    await world.probe.recovered();
    forgive();
    await seeThrough();
  },
}));

export const proxy: readonly Fault[] = faults;

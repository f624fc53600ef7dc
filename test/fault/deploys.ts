import { GOOD, type Good } from '../support/world/images.js';
import type { WorldWorkload, World } from '../support/world/world.js';
import { expectThat, type Stage } from './fault.js';

/** Another good version than the one that serves. */
export function nextVersion({ world, workload, random }: Stage): Good {
  const now = world.probe.answer(workload.host);
  return random.pick(GOOD.filter((version) => version !== now));
}

/** Asks for it and sees it through to success. */
export async function deployWell(stage: Stage, tag: string = nextVersion(stage)): Promise<void> {
  const id = await stage.world.deploy(stage.workload, tag);
  await succeeds(stage.world, id);
}

export async function succeeds(world: World, deploymentId: string, deadlineMs?: number): Promise<void> {
  const { status, error } = await world.ended(deploymentId, deadlineMs);
  expectThat(status === 'succeeded', `deployment ${deploymentId} is ${status}: ${JSON.stringify(error)}`);
}

/** Something under way on several workloads for a fault that befalls them all. Returns how to see them through. */
export async function busy({ world, random }: Stage, count = 3): Promise<() => Promise<void>> {
  const workloads = random.shuffle(world.workloads).slice(0, count);
  const deploy = (workload: WorldWorkload) => world.deploy(workload, nextVersion({ world, random, workload }));
  const ids = await Promise.all(workloads.map(deploy));
  return async () => void (await Promise.all(ids.map((id) => succeeds(world, id, 90_000))));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

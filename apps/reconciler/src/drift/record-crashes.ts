import type { Container, ContainerSummary, Docker } from '#docker/docker';
import { observation, type Crash } from '#domain/observation';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { crashesOf, CRASH_LOOP, CRASH_MS } from './crash-loop.js';
import type { Desired } from './desired.js';
import { deploymentOf } from './own-containers.js';
import type { Seen } from './observe.js';

/** Container id → exit code that the engine told when it ended. */
export type Deaths = Map<string, number | null>;

const CAUSE = { actor: 'system:reconciler', correlationId: 'observation' };

/**
 * Records restarts of current containers that ended since the last look, by the engine's own count: an event that was
 * missed is made up for by the next one. One inspect for each that ended, none otherwise.
 */
export async function recordCrashes(
  { store, docker }: { readonly store: Store; readonly docker: Docker },
  { seen, deaths, now }: { readonly seen: readonly Seen[]; readonly deaths: Deaths; readonly now: number },
): Promise<boolean> {
  let hasCrashed = false;
  for (const each of seen.filter(({ desired }) => desired.current !== null && !isToldOften(desired, now))) {
    for (const container of each.own.filter((one) => hasEnded(each, one, deaths))) {
      const found = await docker.inspectContainer(container.id);
      if (found === null || found.restartCount === 0) continue;
      const command = { type: 'RecordCrash', crash: crashOf(each.desired, found, deaths) } as const;
      const { events } = await store.commit([on(observation, each.desired.workloadId, command)], CAUSE);
      hasCrashed ||= events.length > 0;
    }
  }
  return hasCrashed;
}

function hasEnded({ desired }: Seen, container: ContainerSummary, deaths: Deaths): boolean {
  const isCurrent = deploymentOf(container) === desired.current!.deploymentId;
  return isCurrent && (deaths.has(container.id) || container.state === 'restarting');
}

function crashOf({ workloadId, current }: Desired, found: Container, deaths: Deaths): Crash {
  return {
    workloadId,
    deploymentId: current!.deploymentId,
    container: found.name,
    containerId: found.id,
    exitCode: deaths.get(found.id) ?? found.exitCode,
    oomKilled: found.oomKilled,
    restarts: found.restartCount,
  };
}

/** A crash loop is told once a minute: the engine counts on meanwhile. */
function isToldOften(desired: Desired, now: number): boolean {
  const isLooping = crashesOf(desired, { from: now - CRASH_MS, to: now }) >= CRASH_LOOP;
  return isLooping && crashesOf(desired, { from: now - 60_000, to: now }) > 0;
}

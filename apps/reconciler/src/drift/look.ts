import type { Docker } from '#docker/docker';
import { LABELS, portHolderOf } from '#domain/naming';
import type { Source } from '#plugins/source';
import type { Logger } from '#runtime/logging';
import type { Store } from '#store/store';
import { collectGarbage, leftovers } from './collect-garbage.js';
import { readDesired, readKnown } from './desired.js';
import { heal, nextAttemptAt, readAttempts, wantsHealing } from './heal.js';
import { mendRoute } from './mend-route.js';
import { observeAll, type Seen, type View } from './observe.js';
import { deploymentOf, ownContainers, workloadOf } from './own-containers.js';
import { isNews, record } from './record.js';
import { releasePorts } from './release-ports.js';
import { recordCrashes, type Deaths } from './record-crashes.js';
import { watchWindows } from './watch-windows.js';

export interface LookDeps {
  readonly store: Store;
  readonly docker: Docker;
  readonly sources: readonly Source[];
  readonly node: string;
  readonly installation: string;
  readonly routesDirectory: string;
  readonly logger: Logger;
  /** Milliseconds for which a difference has to be seen before it counts. */
  readonly confirmMs: number;
  /** Milliseconds that what is left over stays. */
  readonly graceMs: number;
}

/** What is remembered from one look to the next, and lost without harm. */
export interface Memory {
  /** Workload → since when it differs from what is recorded. */
  readonly newsSince: Map<string, number>;
  /** Workload → since when it has something to heal. */
  readonly driftSince: Map<string, number>;
  readonly deaths: Deaths;
  /** Deployments that were rolled away from, or could not be. */
  readonly rolledBack: Set<string>;
}

export function freshMemory(): Memory {
  return { newsSince: new Map(), driftSince: new Map(), deaths: new Map(), rolledBack: new Set() };
}

/** `soon`: something was seen once and has to be seen again; `busy`: somebody is at a workload; `calm`: all as recorded. */
export type Mood = 'soon' | 'busy' | 'calm';

/**
 * One look at the node: one list of its containers, compared with every workload's release. Calls and queries do not
 * grow with the number of workloads, only with what is wrong.
 */
export async function look(deps: LookDeps, memory: Memory, now = Date.now()): Promise<Mood> {
  const { store, docker } = deps;
  // Wishes before containers: what was asked for later is seen as busy, or fenced off when it comes to acting.
  const desired = await readDesired(store.pool, deps.node);
  const all = await docker.listContainers([LABELS.workloadId]);
  const workloadIds = new Set(desired.map(({ workloadId }) => workloadId));
  const containers = ownContainers(all, { installation: deps.installation, workloadIds });
  const known = await readKnown(store.pool, [...new Set(containers.map(deploymentOf))]);
  const seen = observeAll({ desired, containers, known, sources: deps.sources, now });
  const hasCrashed = await recordCrashes(deps, { seen, deaths: memory.deaths, now });
  forgetDeaths(memory.deaths, { desired, containers });
  const isSoon = await tell(deps, memory, { seen, now });
  await watchWindows(deps, { seen, rolledBack: memory.rolledBack, now });
  for (const each of seen) {
    if (await mendRoute(deps, each)) deps.logger.info({ workloadId: each.desired.workloadId }, 'Mended a route');
  }
  const removed = await collectGarbage(
    deps,
    leftovers({ desired, containers, known, now, graceMs: deps.graceMs }),
    containers.length,
  );
  if (removed.length > 0) deps.logger.info({ removed }, 'Removed containers that nothing wants any more');
  await releasePorts(store.pool, deps.node, all.map(portHolderOf));
  if (isSoon || hasCrashed) return 'soon';
  return desired.some(({ isBusy }) => isBusy) ? 'busy' : 'calm';
}

interface Now {
  readonly seen: readonly Seen[];
  readonly now: number;
}

/** Records what has changed and heals what can be, each once it was seen for long enough. True when something waits. */
async function tell(deps: LookDeps, memory: Memory, { seen, now }: Now): Promise<boolean> {
  const isRipe = (since: Map<string, number>, { desired }: Seen) =>
    now - (since.get(desired.workloadId) ?? now) >= deps.confirmMs;
  const news = seen.filter(isNews);
  const ill = seen.filter(wantsHealing);
  remember(memory.newsSince, news, now);
  remember(memory.driftSince, ill, now);
  const told = news.filter((each) => isRipe(memory.newsSince, each));
  await record(deps.store, told, now);
  const ripe = ill.filter((each) => isRipe(memory.driftSince, each));
  if (ripe.length > 0) await healAll(deps, ripe, now);
  return told.length < news.length || ripe.length < ill.length;
}

async function healAll({ store, logger }: LookDeps, ill: readonly Seen[], now: number): Promise<void> {
  const attempts = await readAttempts(
    store,
    ill.map(({ desired }) => desired.workloadId),
  );
  for (const each of ill) {
    const { workloadId } = each.desired;
    const before = attempts.get(workloadId) ?? [];
    if (nextAttemptAt(before, each.desired.current!.releaseKey) > now) continue;
    if (await heal(store, each, before)) logger.info({ workloadId }, 'Asked for the current release again: drift');
  }
}

/** Those of workloads that somebody is at are looked into afterwards. */
function forgetDeaths(deaths: Deaths, { desired, containers }: Pick<View, 'desired' | 'containers'>): void {
  const busy = new Set(desired.filter(({ isBusy }) => isBusy).map(({ workloadId }) => workloadId));
  const kept = new Set(containers.filter((each) => busy.has(workloadOf(each))).map(({ id }) => id));
  for (const id of deaths.keys()) if (!kept.has(id)) deaths.delete(id);
}

function remember(since: Map<string, number>, seen: readonly Seen[], now: number): void {
  const ids = new Set(seen.map(({ desired }) => desired.workloadId));
  for (const id of since.keys()) if (!ids.has(id)) since.delete(id);
  for (const id of ids) if (!since.has(id)) since.set(id, now);
}

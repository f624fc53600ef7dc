import { v7 as uuidv7 } from 'uuid';
import { Rejection } from '#domain/errors';
import { observation } from '#domain/observation';
import type { Logger } from '#runtime/logging';
import { on } from '#store/operation';
import { requestRollback } from '#store/request-rollback';
import type { Store } from '#store/store';
import { mayRollBack, watchBreach, type WatchBreach } from './crash-loop.js';
import type { CurrentRelease, Desired } from './desired.js';
import type { Seen } from './observe.js';

export interface WatchDeps {
  readonly store: Store;
  readonly logger: Logger;
}

/** A deployment that fails its watch window is told once, whatever the policy, and rolled back once where it says so. */
export async function watchWindows(
  deps: WatchDeps,
  { seen, rolledBack, now }: { readonly seen: readonly Seen[]; readonly rolledBack: Set<string>; readonly now: number },
): Promise<void> {
  for (const { desired } of seen) {
    const breach = watchBreach(desired, now);
    if (breach !== null) await tell(deps, desired, breach);
    if (!wantsRollback(desired, breach) || rolledBack.has(desired.current.deploymentId)) continue;
    rolledBack.add(desired.current.deploymentId);
    await rollBack(deps, desired);
  }
}

async function tell({ store, logger }: WatchDeps, desired: Desired, breach: WatchBreach): Promise<void> {
  const { workloadId, current } = desired;
  const { deploymentId } = current!;
  logger.warn({ workloadId, deploymentId, crashes: breach.crashes }, 'A deployment failed its watch window');
  const command = { type: 'FailWatch', workloadId, deploymentId, ...breach } as const;
  await store.commit([on(observation, workloadId, command)], {
    actor: 'system:reconciler',
    correlationId: deploymentId,
  });
}

/** Also when it was told before: whoever told it may have ended before it asked. */
function wantsRollback(
  desired: Desired,
  breach: WatchBreach | null,
): desired is Desired & { readonly current: CurrentRelease } {
  const { current, policy, recorded } = desired;
  if (current === null || policy.watchWindow?.onFailure !== 'rollback' || !mayRollBack(desired)) return false;
  return breach !== null || recorded?.watchFailed === current.deploymentId;
}

async function rollBack({ store, logger }: WatchDeps, desired: Desired & { readonly current: CurrentRelease }) {
  const { workloadId, current, policy } = desired;
  const { deploymentId: from } = current;
  if (await wasRolledBack(store, workloadId, from)) return;
  const id = uuidv7();
  const note = `Deployment ${from} kept restarting within ${policy.watchWindow!.seconds} s`;
  try {
    const wanted = { id, workloadId, from, note, at: new Date().toISOString() };
    await requestRollback(store, wanted, { actor: 'system:reconciler', correlationId: id });
    logger.warn({ workloadId, from, by: id }, 'Rolling back');
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    logger.warn({ workloadId, from, code: error.code }, 'A deployment that keeps restarting cannot be rolled back');
  }
}

/** Whatever came of it: once is all. */
async function wasRolledBack({ pool }: Store, workloadId: string, from: string): Promise<boolean> {
  const { rows } = await pool.query<{ done: boolean }>(
    `select exists (select from view.deployment where workload_id = $1 and reason = 'rollback' and id > $2) as done`,
    [workloadId, from],
  );
  return rows[0]?.done === true;
}

import type { Desired } from './desired.js';

/** So many restarts in so long are a crash loop. */
export const CRASH_LOOP = 3;
export const CRASH_MS = 10 * 60_000;

/** Restarts of the current deployment between two instants, in milliseconds. */
export function crashesOf({ current, recorded }: Desired, { from, to }: { from: number; to: number }): number {
  return (recorded?.crashes ?? [])
    .filter(({ deploymentId, at }) => {
      const instant = Date.parse(at);
      return deploymentId === current?.deploymentId && instant >= from && instant <= to;
    })
    .reduce((sum, { crashes }) => sum + crashes, 0);
}

export interface WatchBreach {
  readonly crashes: number;
  readonly seconds: number;
  readonly onFailure: 'alert' | 'rollback';
}

/** The watch window after the deployment failed; null when there is none, it held, or it was told before. */
export function watchBreach(desired: Desired, now: number): WatchBreach | null {
  const { policy, current, recorded } = desired;
  if (policy.watchWindow === null || current === null || recorded?.watchFailed === current.deploymentId) return null;
  const { seconds, onFailure } = policy.watchWindow;
  const switched = Date.parse(current.since);
  const crashes = crashesOf(desired, { from: Math.max(switched, now - CRASH_MS), to: switched + seconds * 1000 });
  return crashes >= CRASH_LOOP ? { crashes, seconds, onFailure } : null;
}

/** A rollback or a healing that crashes is never rolled back in turn: no oscillation. */
export function mayRollBack({ current }: Desired): boolean {
  return current !== null && current.reason !== 'rollback' && current.reason !== 'drift';
}

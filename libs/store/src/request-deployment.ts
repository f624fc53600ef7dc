import { deployment, type DeploymentRequest } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import type { RecordedEvent } from '#domain/event';
import type { Policy } from '#domain/workload';
import type { Cause } from './decide.js';
import { on, onNew, type Operation } from './operation.js';
import type { Store } from './store.js';

/** What a new request of a workload meets. */
export interface Standing {
  readonly waitingId: string | null;
  readonly runningId: string | null;
  readonly onNewer: Policy['onNewer'];
}

/** A request, and what gives way to it: what waits, and what runs where the policy says so. */
export function requestOperations(request: DeploymentRequest, standing: Standing): readonly Operation[] {
  const { waitingId, runningId, onNewer } = standing;
  const cancelsRunning = onNewer === 'cancel';
  // What waited when it was looked at may run by now.
  const standIn = [waitingId, cancelsRunning ? runningId : null].filter((id) => id !== null);
  return [
    ...standIn.map((id) => on(deployment, id, { type: 'SupersedeDeployment', by: request.id, cancelsRunning })),
    onNew(deployment, request.id, { type: 'RequestDeployment', request }),
  ];
}

const ATTEMPTS = 5;

/**
 * Records the wish for one deployment; a waiting one of the same workload is superseded, a running one
 * goes on unless the policy says otherwise.
 * Two requests at once: the one that loses looks again and supersedes the winner.
 */
export async function requestDeployment(
  store: Store,
  request: DeploymentRequest,
  cause: Cause,
): Promise<readonly RecordedEvent[]> {
  for (let attempt = 1; ; attempt += 1) {
    const standing = await standingOf(store, request.workloadId);
    try {
      return (await store.commit(requestOperations(request, standing), cause)).events;
    } catch (error) {
      const isRace = error instanceof Rejection && error.code === 'already-waiting';
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}

export async function standingOf(store: Store, workloadId: string): Promise<Standing> {
  const { rows } = await store.pool.query<Standing>({
    name: 'standing-deployments',
    text: `select d.id as "waitingId", w.running_deployment_id as "runningId", w.policy->>'onNewer' as "onNewer"
      from view.workload w left join view.deployment d on d.workload_id = w.id and d.status = 'waiting' where w.id = $1`,
    values: [workloadId],
  });
  return rows[0] ?? { waitingId: null, runningId: null, onNewer: 'queue' };
}

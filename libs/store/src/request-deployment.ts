import { deployment, type DeploymentRequest } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import type { RecordedEvent } from '#domain/event';
import type { Cause } from './decide.js';
import { on, onNew, type Operation } from './operation.js';
import type { Store } from './store.js';

/** A request and the one waiting deployment of its workload, which gives way to it. */
export function requestOperations(request: DeploymentRequest, waitingId: string | null): readonly Operation[] {
  const giveWay =
    waitingId === null ? [] : [on(deployment, waitingId, { type: 'SupersedeDeployment', by: request.id })];
  return [...giveWay, onNew(deployment, request.id, { type: 'RequestDeployment', request })];
}

const ATTEMPTS = 5;

/**
 * Records the wish for one deployment; a waiting one of the same workload is superseded, a running one goes on.
 * Two requests at once: the one that loses looks again and supersedes the winner.
 */
export async function requestDeployment(
  store: Store,
  request: DeploymentRequest,
  cause: Cause,
): Promise<readonly RecordedEvent[]> {
  for (let attempt = 1; ; attempt += 1) {
    const waitingId = await waitingDeployment(store, request.workloadId);
    try {
      return (await store.commit(requestOperations(request, waitingId), cause)).events;
    } catch (error) {
      const isRace = error instanceof Rejection && error.code === 'already-waiting';
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}

async function waitingDeployment(store: Store, workloadId: string): Promise<string | null> {
  const { rows } = await store.pool.query<{ id: string }>({
    name: 'waiting-deployment',
    text: `select id from view.deployment where workload_id = $1 and status = 'waiting'`,
    values: [workloadId],
  });
  return rows[0]?.id ?? null;
}

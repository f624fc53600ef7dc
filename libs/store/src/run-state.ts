import { deployment } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import { workload } from '#domain/workload';
import { v7 as uuidv7 } from 'uuid';
import type { Cause } from './decide.js';
import { on, type Operation } from './operation.js';
import { findRelease } from './releases.js';
import { requestOperations, standingOf } from './request-deployment.js';
import type { Statement } from './statement.js';
import type { Store } from './store.js';

/** Subject in `state.due` of what a worker owes a workload's run state. */
export function runStateSubject(workloadId: string): string {
  return `run-state-${workloadId}`;
}

/**
 * Wants the workload stopped. What waits or runs is cancelled; one at its switch goes through with it, and is stopped
 * after it. Throws `not-found`, `workload-deleting`.
 */
export async function requestStop(
  store: Store,
  { workloadId, reason }: { readonly workloadId: string; readonly reason: string | null },
  cause: Cause,
): Promise<void> {
  const { rows } = await store.pool.query<{ id: string }>({
    name: 'unfinished-of-workload',
    text: `select id from view.deployment where workload_id = $1 and status in ('waiting', 'running') order by id`,
    values: [workloadId],
  });
  const during = rows.map(({ id }) => id);
  const message = 'The workload was stopped.';
  const operations: Operation[] = [
    on(workload, workloadId, { type: 'StopWorkload', during, reason }),
    ...during.map((id) => on(deployment, id, { type: 'RequestCancel', message, onlyIfStill: true })),
  ];
  await store.commit(operations, { ...cause, extra: [dueAtOnce(workloadId)] });
}

/** Wants the workload's current release to run again. Throws `not-found`, `workload-deleting`. */
export async function requestStart(
  store: Store,
  { workloadId, reason }: { readonly workloadId: string; readonly reason: string | null },
  cause: Cause,
): Promise<void> {
  await store.commit([on(workload, workloadId, { type: 'StartWorkload', reason })], {
    ...cause,
    extra: [dueAtOnce(workloadId)],
  });
}

export interface Redeployment {
  /** UUIDv7 of the deployment. */
  readonly id: string;
  readonly operations: readonly Operation[];
}

/** Another deployment of what serves, whole: the same artifact, config, variables and faces. Throws `never-deployed`. */
export async function redeployment(
  store: Store,
  { workloadId, note }: { readonly workloadId: string; readonly note: string | null },
): Promise<Redeployment> {
  const { rows } = await store.pool.query<{ name: string; sourceKind: string; node: string; current: string | null }>({
    name: 'redeployed-workload',
    text: `select name, source_kind as "sourceKind", node, current_deployment_id as current from view.workload where id = $1`,
    values: [workloadId],
  });
  const row = rows[0];
  if (row === undefined) throw new Rejection('not-found', 'There is no such workload.');
  if (row.current === null) {
    throw new Rejection('never-deployed', `Workload ${row.name} has never been deployed. Deploy it first.`);
  }
  const { release } = await findRelease(store.pool, workloadId, row.current);
  const id = uuidv7();
  const { name: workloadName, sourceKind, node } = row;
  const origin = { reason: 'manual' as const, note, bindingId: null, deliveryId: null };
  const request = { id, workloadId, workloadName, sourceKind, node, ...origin, release, restores: row.current };
  return { id, operations: requestOperations(request, await standingOf(store, workloadId)) };
}

const ATTEMPTS = 5;

/** Restarts a workload by another deployment of what serves: blue-green. The id of the deployment. */
export async function requestRestart(
  store: Store,
  wanted: { readonly workloadId: string; readonly note: string | null },
  cause: Cause,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const { id, operations } = await redeployment(store, wanted);
    try {
      await store.commit(operations, cause);
      return id;
    } catch (error) {
      const isRace = error instanceof Rejection && error.code === 'already-waiting';
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Whoever asks anew does not wait for the retry of what came before. */
function dueAtOnce(workloadId: string): Statement {
  return { text: 'delete from state.due where subject = $1', values: [runStateSubject(workloadId)] };
}

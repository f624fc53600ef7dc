import { workload, type WorkloadState } from '#domain/workload';
import { holdLease, type HeldLease } from '#store/held-lease';
import { on } from '#store/operation';
import { redeployment, runStateSubject } from '#store/run-state';
import type { WorkerDeps } from '../deps.js';
import { failureOf, type Failure } from '../failure.js';
import { carryOut, StepFailed } from './carry-out.js';
import { handOver } from './hand-over.js';

/** Stops or starts a workload as it is wanted, under its lease. Safe to call again after a crash at any point. */
export async function processRunState(deps: WorkerDeps, workloadId: string): Promise<void> {
  if (!isOwed((await deps.store.load(workload, workloadId)).state)) return;
  const lease = await holdLease(
    deps.store.leases,
    { subject: `workload-${workloadId}`, owner: deps.owner },
    deps.lease,
  );
  if (lease === null) return;
  try {
    await untilReached(deps, lease, workloadId);
  } finally {
    await lease.release();
  }
  await handOver(deps, workloadId);
}

function isOwed({ status, isRunStateReached }: WorkloadState): boolean {
  return status === 'present' && !isRunStateReached;
}

/** What is wanted may change meanwhile: then that is carried out. */
async function untilReached(deps: WorkerDeps, lease: HeldLease, workloadId: string): Promise<void> {
  while (!deps.stopping?.aborted) {
    const { state } = await deps.store.load(workload, workloadId);
    if (!isOwed(state) || (await isDeploying(deps, workloadId))) return;
    try {
      await reach({ deps, lease, state });
    } catch (error) {
      if (lease.signal.aborted) return;
      if (await putOff({ deps, lease, state }, error)) return;
    }
  }
}

interface Reaching {
  readonly deps: WorkerDeps;
  readonly lease: HeldLease;
  readonly state: WorkloadState;
}

async function reach(reaching: Reaching): Promise<void> {
  const { deps, state } = reaching;
  const outcome = await carryOut(reaching);
  if (outcome === 'overtaken') return;
  const { id: workloadId, runState } = state;
  const reached = on(workload, workloadId, { type: 'ReachRunState', runState });
  const again = outcome === 'not-startable' ? await redeployment(deps.store, { workloadId, note: 'start' }) : null;
  await commit(reaching, [reached, ...(again?.operations ?? [])]);
}

/** True: the sweep brings it again, when it is due. A start that failed for good ends as stopped, a stop never gives up. */
async function putOff(reaching: Reaching, error: unknown): Promise<boolean> {
  const { deps, state } = reaching;
  const { rows } = await deps.store.pool.query<{ attempt: number }>(
    'select attempt from state.due where subject = $1',
    [runStateSubject(state.id)],
  );
  const attempt = (rows[0]?.attempt ?? 0) + 1;
  const failure = failureOf(error instanceof StepFailed ? error.cause : error, attempt);
  deps.logger.warn(
    { workloadId: state.id, code: failure.code, err: error },
    'A workload could not be stopped or started',
  );
  if (failure.retryInSeconds === null && state.runState === 'running') {
    await commit(reaching, [on(workload, state.id, { type: 'FailStart', failure: failed(error, failure) })]);
    return false;
  }
  await deps.store.pool.query(
    `insert into state.due (subject, retry_at, attempt) values ($1, now() + $2 * interval '1 second', $3)
      on conflict (subject) do update set retry_at = excluded.retry_at, attempt = excluded.attempt`,
    [runStateSubject(state.id), failure.retryInSeconds ?? LONGEST_PAUSE_SECONDS, attempt],
  );
  return true;
}

const LONGEST_PAUSE_SECONDS = 300;

function failed(error: unknown, { code, message }: Failure) {
  return { step: error instanceof StepFailed ? error.step : 'start', code, message };
}

async function commit({ deps, lease, state }: Reaching, operations: Parameters<WorkerDeps['store']['commit']>[0]) {
  await deps.store.commit(operations, {
    actor: `system:${deps.owner}`,
    correlationId: state.id,
    lease: { subject: lease.subject, epoch: lease.epoch },
    extra: [{ text: 'delete from state.due where subject = $1', values: [runStateSubject(state.id)] }],
  });
}

/** One that has begun is ended or undone first; the sweep brings this again, or whoever ends it does. */
async function isDeploying({ store }: WorkerDeps, workloadId: string): Promise<boolean> {
  const { rows } = await store.pool.query<{ isIt: boolean }>(
    `select exists (select from view.deployment where workload_id = $1 and is_unfinished and status <> 'waiting') as "isIt"`,
    [workloadId],
  );
  return rows[0]?.isIt === true;
}

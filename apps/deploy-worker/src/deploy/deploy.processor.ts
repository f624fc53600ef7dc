import { streamOf } from '#domain/decider';
import type { RunState } from '#domain/run-state';
import { deployment, isUnfinished, type DeploymentReason, type DeploymentState } from '#domain/deployment';
import { RetryableError, TerminalError } from '#domain/errors';
import { DEFAULT_POLICY, type Policy } from '#domain/workload';
import { askKeeper } from '#runtime/applied-routes';
import { on } from '#store/operation';
import { pruneReleases } from '#store/prune-releases';
import { settleDelivery } from '#store/settle-delivery';
import type { Folded } from '#store/streams';
import type { WorkerDeps } from '../deps.js';
import { failpoint } from '../failpoint.js';
import { failureOf } from '../failure.js';
import { holdLease, type HeldLease } from '#store/held-lease';
import { watchCancel } from './cancel-watch.js';
import { explained, guardsOf } from './claim-guards.js';
import { handOver } from '../run-state/hand-over.js';
import { openDeploymentLog } from './deployment-log.js';
import { openRelease, previousRelease } from './load-release.js';
import { isDeliveryFull, nextOfDelivery, nextOfWorkload, type Next } from './next.js';
import { skipUnchanged } from './skip-unchanged.js';
import { runDeployment } from './run-deployment.js';
import { stepIo } from './step-io.js';
import { apart, giveUp, MOST_LOST, SUSPECT_FROM } from './worker-crashed.js';

/**
 * A hint that a deployment wants a worker. Whoever gets the workload's lease runs what is unfinished, then whatever
 * waits, and looks once more after letting go: a request that came in between is nobody's to lose.
 */
export async function processDeployment(deps: WorkerDeps, deploymentId: string): Promise<void> {
  const { state } = await deps.store.load(deployment, deploymentId);
  if (state.request === null || !isUnfinished(state)) return;
  const { workloadId, node } = state.request;
  if (node !== deps.node) {
    // Its container would be started on the wrong host: that node's own workers have a queue of their own.
    deps.logger.warn({ deploymentId, node }, 'A deployment of another node came here; it is left to that one');
    return;
  }
  let next = await nextOfWorkload(deps.store.pool, workloadId);
  while (next !== null && !deps.stopping?.aborted) {
    const lease = await holdLease(
      deps.store.leases,
      { subject: `workload-${workloadId}`, owner: deps.owner, atHand: next.id },
      deps.lease,
    );
    if (lease === null) return;
    let outcome: Outcome = 'ended';
    try {
      // Only under the lease is it known what others have left.
      next = await nextOfWorkload(deps.store.pool, workloadId);
      while (next !== null && outcome === 'ended') {
        outcome = await takeUp(deps, { lease, workloadId, next });
        next = await nextOfWorkload(deps.store.pool, workloadId);
      }
      await failpoint('release', 'before', workloadId);
    } finally {
      await lease.release();
    }
    await failpoint('release', 'after', workloadId);
    if (outcome === 'not-mine') return;
    next = await nextOfWorkload(deps.store.pool, workloadId);
  }
  if (!deps.stopping?.aborted) await handOver(deps, workloadId);
}

/** `later`: tried again at its time. `not-mine`: the lease is lost, the process ends, or its delivery has no room. */
type Outcome = 'ended' | 'later' | 'not-mine';

interface TakenUp {
  readonly lease: HeldLease;
  readonly workloadId: string;
  readonly next: Next;
}

/** What has cost workers their lives is kept apart from its like, and in the end given up. */
async function takeUp(deps: WorkerDeps, { lease, workloadId, next: { id, lost } }: TakenUp): Promise<Outcome> {
  await lease.turnTo(id);
  if (lost >= MOST_LOST) {
    const state = await giveUp(deps, { lease, deploymentId: id, lost });
    if (!isUnfinished(state)) return await afterwards(deps, state).then(() => 'ended');
  }
  const run = async (): Promise<Outcome> => {
    await failpoint('claim', 'before', workloadId);
    return await runOne(deps, lease, id);
  };
  return lost < SUSPECT_FROM ? await run() : ((await apart(deps, run)) ?? 'not-mine');
}

async function runOne(deps: WorkerDeps, lease: HeldLease, deploymentId: string): Promise<Outcome> {
  const known = await deps.store.load(deployment, deploymentId);
  if (!isUnfinished(known.state)) return 'ended';
  try {
    await deps.docker.ping(lease.signal);
    const state = await resume(deps, { lease, deploymentId, known });
    await afterwards(deps, state);
    await prune(deps, state);
    if (deps.stopping?.aborted) return 'not-mine';
    return isUnfinished(state) ? 'later' : 'ended';
  } catch (error) {
    if (lease.signal.aborted || isDeliveryFull(error)) return 'not-mine';
    return await giveBack(deps, { lease, deploymentId, error });
  }
}

interface Resumed {
  readonly lease: HeldLease;
  readonly deploymentId: string;
  readonly known: Folded<DeploymentState>;
}

async function resume(deps: WorkerDeps, { lease, deploymentId, known }: Resumed): Promise<DeploymentState> {
  const { store, plugins, owner } = deps;
  const request = known.state.request!;
  const source = plugins.sources.find((plugin) => plugin.kind === request.sourceKind);
  if (source === undefined)
    throw new TerminalError('unknown-kind', `This worker has no source ${request.sourceKind}.`, 'operator');
  const now = await situation(deps, request.workloadId, deploymentId);
  const { current, correlationId, undecryptableEnv, isStopped } = now;
  if (isStopped && known.state.status === 'waiting' && !BY_HAND.includes(request.reason)) {
    return await skipStopped(deps, lease, { deploymentId, correlationId });
  }
  const previousDeploymentId = known.state.status === 'waiting' ? current : known.state.previousDeploymentId;
  const opening = { secrets: deps.secrets, undecryptableEnv };
  const { release, secretValues, skippedEnv } = await openRelease(request, source, opening);
  const before = await previousRelease(store, previousDeploymentId, { source, secrets: deps.secrets });
  const previous = before?.release ?? null;
  const log = await openDeploymentLog(store.pool, deploymentId, [...secretValues, ...(before?.secretValues ?? [])]);
  for (const key of skippedEnv) log.write('claim', `Variable ${key} cannot be decrypted and is left out`);
  const claimGuards = known.state.status === 'waiting' ? await guardsOf(store, request) : [];
  // The keeper brings the proxy up to date while the container starts.
  if (known.state.status === 'waiting' && release.faces.length > 0) await askKeeper(deps.routesDirectory);
  const { workloadId } = request;
  const io = (step: string, cancel?: AbortSignal) =>
    stepIo(deps, { lease, workloadId, deploymentId, step, log, cancel });
  const skipped = await skipUnchanged({ store, lease, owner, source, release, state: known.state, io });
  if (skipped !== null) return skipped;
  const of = { store, lease, owner, deploymentId, correlationId, source, release, previous, previousDeploymentId };
  const run = { ...of, skippedEnv, startsWorkload: isStopped };
  try {
    const onSwitched = () => enqueueNext(deps, request.deliveryId);
    const watch = () => watchCancel(store.pool, deploymentId);
    const more = { log, claimGuards, known, io, onSwitched, watchCancel: watch, stopping: deps.stopping };
    return await runDeployment({ ...run, ...more });
  } catch (error) {
    throw await explained(store, release, error);
  } finally {
    await log.flush();
  }
}

/** What somebody asked for starts a stopped workload; a trigger never does, also when the stop came after it. */
const BY_HAND: readonly DeploymentReason[] = ['manual', 'promote', 'rollback'];

async function skipStopped(
  { store, owner }: WorkerDeps,
  { subject, epoch }: HeldLease,
  of: { deploymentId: string; correlationId: string },
): Promise<DeploymentState> {
  const { deploymentId, correlationId } = of;
  const skip = { type: 'SkipDeployment', code: 'stopped', message: 'The workload was stopped.' } as const;
  const cause = { actor: `system:${owner}`, correlationId, lease: { subject, epoch } };
  const { folds } = await store.commit([on(deployment, deploymentId, skip)], cause);
  return (folds.get(streamOf('deployment', deploymentId)) as Folded<DeploymentState>).state;
}

interface SituationRow {
  readonly current: string | null;
  readonly correlation: string;
  readonly policy: Policy | null;
  readonly runState: RunState | null;
}

async function situation({ store }: WorkerDeps, workloadId: string, deploymentId: string) {
  const { rows } = await store.pool.query<SituationRow>({
    name: 'deploy-situation',
    text: `select w.current_deployment_id as current, w.policy, w.run_state as "runState", d.correlation_id as correlation
      from view.deployment d left join view.workload w on w.id = $1 where d.id = $2`,
    values: [workloadId, deploymentId],
  });
  const { current = null, correlation = deploymentId, policy, runState } = rows[0] ?? {};
  const { undecryptableEnv } = { ...DEFAULT_POLICY, ...policy };
  return { current, correlationId: correlation, undecryptableEnv, isStopped: runState === 'stopped' };
}

/** The end of one makes room for the next of its delivery, or ends the delivery. */
async function afterwards(deps: WorkerDeps, state: DeploymentState): Promise<void> {
  const deliveryId = state.request?.deliveryId ?? null;
  if (deliveryId === null || state.status === 'running' || state.status === 'waiting') return;
  await enqueueNext(deps, deliveryId);
  await settleDelivery(deps.store, deliveryId, { actor: `system:${deps.owner}`, correlationId: deliveryId });
}

/** What could not be pruned now is pruned by the reconciler's tidy: it is no failure of the deployment. */
async function prune({ store, owner, logger }: WorkerDeps, state: DeploymentState): Promise<void> {
  if (state.status !== 'succeeded' || state.request === null) return;
  const { id, workloadId } = state.request;
  await pruneReleases(store, `system:${owner}`, workloadId).catch((error: unknown) =>
    logger.warn({ deploymentId: id, err: error }, 'Old releases could not be pruned; the reconciler tries again'),
  );
}

/** Whoever leaves room in a delivery lets the next one of it in. */
async function enqueueNext({ store, queues }: WorkerDeps, deliveryId: string | null): Promise<void> {
  const next = deliveryId === null ? null : await nextOfDelivery(store.pool, deliveryId);
  if (next !== null) queues.add({ name: 'deploy', subjectId: next.id, node: next.node }, next.eventId, 0);
}

/** What failed before or between steps: tried again by the sweep, or ended. */
async function giveBack(
  deps: WorkerDeps,
  failed: { lease: HeldLease; deploymentId: string; error: unknown },
): Promise<Outcome> {
  const { lease, deploymentId, error } = failed;
  const { state } = await deps.store.load(deployment, deploymentId);
  const failure = failureOf(error, Math.max(1, state.attempt + 1));
  deps.logger.warn({ deploymentId, code: failure.code, err: error }, 'A deployment could not go on');
  const isDockerDown = error instanceof RetryableError && error.code === 'docker-unreachable';
  const retryInSeconds = failure.retryInSeconds ?? (isDockerDown ? 15 : null);
  const command = commandFor(state, { ...failure, retryInSeconds });
  // Its undo is owed: the sweep brings it again.
  if (command === null) return 'not-mine';
  await deps.store.commit([on(deployment, deploymentId, command)], {
    actor: `system:${deps.owner}`,
    correlationId: deploymentId,
    lease: { subject: lease.subject, epoch: lease.epoch },
  });
  return retryInSeconds === null ? 'ended' : 'later';
}

function commandFor(state: DeploymentState, failure: ReturnType<typeof failureOf>) {
  const { code, message, retryInSeconds } = failure;
  const retryAt = retryInSeconds === null ? null : new Date(Date.now() + retryInSeconds * 1000).toISOString();
  if (state.status === 'waiting') {
    if (retryAt === null) return { type: 'RejectDeployment', code, message, class: failure.class } as const;
    return { type: 'DeferDeployment', code, message, retryAt } as const;
  }
  if (state.failure !== null || state.cancel !== null) return null;
  const step = state.current ?? state.steps[state.completed.length] ?? 'claim';
  const record = { step, code, class: failure.class, message, attempt: Math.max(1, state.attempt), logOffset: 1 };
  return { type: 'RecordStepFailure', failure: record, retryAt } as const;
}

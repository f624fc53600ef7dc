import { binding } from '#domain/binding';
import type { BoundWorkload } from '#domain/bound-workload';
import { delivery, type BindingVerdict, type DeliveryState } from '#domain/delivery';
import type { DeploymentReason, DeploymentRequest } from '#domain/deployment';
import { releaseOf } from '#domain/release';
import { Rejection, RetryableError } from '#domain/errors';
import { Conflict, LeaseLost, PreconditionFailed } from '#store/errors';
import { on, type Operation } from '#store/operation';
import { readBound, readTrigger } from '#store/read-bound';
import { requestOperations } from '#store/request-deployment';
import { settleDelivery } from '#store/settle-delivery';
import type { Statement } from '#store/statement';
import { v7 as uuidv7 } from 'uuid';
import type { InboundEvent } from '#plugins/inbound';
import { acceptedOf, judge, repetition, type Judgement } from '#plugins/judge';
import type { Artifact } from '#plugins/source';
import type { WorkerDeps } from '../deps.js';
import { failpoint } from '../failpoint.js';
import { failureOf } from '../failure.js';
import { holdLease, type HeldLease } from '#store/held-lease';
import { resolveAll, type Resolutions } from './resolve-all.js';

const CHUNK = 100;

/** Looks at a delivery whose bindings or workloads are changed while they are judged. */
const PASSES = 3;

/** Judges every enabled binding of one delivery and asks for the deployments. Whatever one binding does, its siblings go on. */
export async function processDelivery(deps: WorkerDeps, deliveryId: string): Promise<void> {
  if (!isOpen((await deps.store.load(delivery, deliveryId)).state)) return;
  const lease = await holdLease(
    deps.store.leases,
    { subject: `delivery-${deliveryId}`, owner: deps.owner },
    deps.lease,
  );
  if (lease === null) return;
  try {
    await failpoint('dispatch', 'before', deliveryId);
    await dispatchAll(deps, lease, deliveryId);
    await failpoint('dispatch', 'after', deliveryId);
    await failpoint('settle', 'before', deliveryId);
    await settleDelivery(deps.store, deliveryId, { actor: `system:${deps.owner}`, correlationId: deliveryId });
    await failpoint('settle', 'after', deliveryId);
  } finally {
    await lease.release();
  }
}

/** What changed while it was judged is judged again at once; what it has to wait for is left to the sweep. */
async function dispatchAll(deps: WorkerDeps, lease: HeldLease, deliveryId: string): Promise<void> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    // Only under the lease is it known what others judged.
    const { state } = await deps.store.load(delivery, deliveryId);
    if (!isOpen(state) || state.isDispatched) return;
    if ((await dispatch({ deps, lease, deliveryId, state })) !== 'moved') return;
  }
  throw new RetryableError('bindings-moving', 'Bindings or workloads are changed faster than they can be judged.');
}

function isOpen({ status }: DeliveryState): boolean {
  return status === 'accepted' || status === 'dispatching';
}

interface Dispatch {
  readonly deps: WorkerDeps;
  readonly lease: HeldLease;
  readonly deliveryId: string;
  readonly state: DeliveryState;
}

/** A binding with its verdict so far. */
interface Judged {
  readonly bound: BoundWorkload;
  readonly judgement: Judgement;
}

async function dispatch(run: Dispatch): Promise<'done' | 'deferred' | 'moved'> {
  const { deps, state, lease } = run;
  const received = state.received!;
  const trigger = await readTrigger(deps.store.pool, received.triggerId);
  const bound = trigger === null ? [] : await readBound(deps.store.pool, received.triggerId);
  const open = bound.filter(({ bindingId }) => !state.judged.includes(bindingId));
  const events = received.events as unknown as readonly InboundEvent[];
  const about = { events, isReplay: received.origin === 'replay', isPoll: received.origin === 'poll' };
  const judged = open.map((each) => ({ bound: each, judgement: judge(each, trigger!, about, deps.plugins) }));
  const resolutions = await resolveAll(deps, judged, lease.signal);
  const later = judged.filter(({ judgement }) => isForLater(judgement, resolutions, state.attempt));
  const now = judged.filter((each) => !later.includes(each));
  const chunks = now.length === 0 && later.length === 0 ? [[]] : chunked(now, CHUNK);
  const progress: Progress = { resolutions, open: judged.length, moved: 0 };
  for (const chunk of chunks) {
    lease.signal.throwIfAborted();
    await commitChunk(run, chunk, progress);
  }
  if (progress.moved > 0) return 'moved';
  if (later.length === 0) return 'done';
  await defer(run, later, resolutions);
  return 'deferred';
}

function isForLater(judgement: Judgement, resolutions: Resolutions, attempt: number): boolean {
  if (judgement.verdict !== 'matched') return false;
  const resolution = resolutions.get(judgement.ref.key);
  return resolution instanceof RetryableError && failureOf(resolution, attempt + 1).retryInSeconds !== null;
}

interface Progress {
  readonly resolutions: Resolutions;
  /** Bindings without a verdict. */
  open: number;
  /** Those of them that changed while they were judged. */
  moved: number;
}

/** The chunk in one commit; when one binding refuses it, each on its own, so that the others go on. */
async function commitChunk(run: Dispatch, chunk: readonly Judged[], progress: Progress): Promise<void> {
  try {
    await commitTogether(run, chunk, progress);
  } catch (error) {
    if (chunk.length === 0 || run.lease.signal.aborted || isOurs(error)) throw error;
    for (const each of chunk) await commitAlone(run, each, progress);
  }
}

/** The database is away or the lease is lost: nothing that a binding could be blamed for. */
function isOurs(error: unknown): boolean {
  return error instanceof RetryableError || error instanceof LeaseLost;
}

async function commitAlone(run: Dispatch, each: Judged, progress: Progress): Promise<void> {
  try {
    await commitTogether(run, [each], progress);
  } catch (error) {
    if (isOurs(error)) throw error;
    if (hasMoved(error)) progress.moved += 1;
    else await commitErrored(run, { each, error }, progress);
  }
}

/** The binding, its workload or what waits for it changed since it was read. */
function hasMoved(error: unknown): boolean {
  if (error instanceof Rejection) return error.code === 'already-waiting';
  return error instanceof Conflict || error instanceof PreconditionFailed;
}

async function commitTogether(run: Dispatch, chunk: readonly Judged[], progress: Progress): Promise<void> {
  const outcomes = chunk.map((each) => outcomeOf(run, each, progress.resolutions));
  const deployed = chunk.filter((_, index) => outcomes[index]!.verdict.deploymentId !== null);
  await commitVerdicts(run, {
    verdicts: outcomes.map(({ verdict }) => verdict),
    operations: outcomes.flatMap(({ operations }) => operations),
    guards: deployed.length === 0 ? [] : [unchanged(deployed)],
    remaining: progress.open - chunk.length,
  });
  progress.open -= chunk.length;
}

/** Resolving takes its time: a hold, a stop or a new config that came meanwhile counts. */
function unchanged(deployed: readonly Judged[]): Statement {
  const versions = new Map(deployed.map(({ bound }) => [bound.workloadId, bound.workloadVersion]));
  return {
    text: `select log.assert_reads('view.workload', $1::uuid[], $2::int[])`,
    values: [[...versions.keys()], [...versions.values()]],
  };
}

async function commitErrored(
  run: Dispatch,
  failed: { each: Judged; error: unknown },
  progress: Progress,
): Promise<void> {
  const { bound, judgement } = failed.each;
  const { code, message } = failureOf(failed.error, 1);
  const named = failed.error instanceof Rejection ? failed.error.code : code;
  const verdict = verdictOf(bound, judgement, { verdict: 'errored', code: named, reason: message, deploymentId: null });
  await commitVerdicts(run, { verdicts: [verdict], operations: [], guards: [], remaining: progress.open - 1 });
  progress.open -= 1;
}

interface Decision {
  readonly verdicts: readonly BindingVerdict[];
  readonly operations: readonly Operation[];
  readonly guards: readonly Statement[];
  /** Bindings without a verdict after it. */
  readonly remaining: number;
}

async function commitVerdicts({ deps, lease, deliveryId }: Dispatch, decision: Decision): Promise<void> {
  const { verdicts, operations, guards, remaining } = decision;
  await deps.store.commit([...operations, on(delivery, deliveryId, { type: 'RecordVerdicts', verdicts, remaining })], {
    actor: `system:${deps.owner}`,
    correlationId: deliveryId,
    lease: { subject: lease.subject, epoch: lease.epoch },
    extra: guards,
  });
}

function outcomeOf(run: Dispatch, { bound, judgement }: Judged, resolutions: Resolutions) {
  if (judgement.verdict !== 'matched') {
    const { verdict, code, reason, baseline } = judgement;
    const take = baseline && ({ type: 'TakeBaseline', accepted: baseline, deliveryId: run.deliveryId } as const);
    const operations = take ? [{ ...on(binding, bound.bindingId, take), expectedVersion: bound.bindingVersion }] : [];
    return { operations, verdict: verdictOf(bound, judgement, { verdict, code, reason, deploymentId: null }) };
  }
  const resolution = resolutions.get(judgement.ref.key)!;
  if (resolution instanceof Error) {
    const { code, message } = failureOf(resolution, run.state.attempt + 1);
    return {
      operations: [],
      verdict: verdictOf(bound, judgement, { verdict: 'errored', code, reason: message, deploymentId: null }),
    };
  }
  const repeated = run.state.received!.origin === 'replay' ? null : repetition(bound, judgement, resolution);
  if (repeated !== null) {
    const verdict = { verdict: 'filtered', ...repeated, deploymentId: null } as const;
    return { operations: [], verdict: verdictOf(bound, judgement, verdict) };
  }
  const request = { ...requestOf(run, bound, resolution), ...(judgement.force && { force: true as const }) };
  const accept = {
    type: 'AcceptCandidate',
    accepted: acceptedOf(judgement, resolution),
    deliveryId: run.deliveryId,
  } as const;
  const operations = [
    { ...on(binding, bound.bindingId, accept), expectedVersion: bound.bindingVersion },
    ...requestOperations(request, judgement.cancelsRunning ? { ...bound, onNewer: 'cancel' } : bound),
  ];
  const { code, reason } = judgement;
  return {
    operations,
    verdict: verdictOf(bound, judgement, { verdict: 'matched', code, reason, deploymentId: request.id }),
  };
}

function verdictOf(
  { bindingId, workloadId }: BoundWorkload,
  { inputs }: Judgement,
  made: Pick<BindingVerdict, 'verdict' | 'code' | 'reason' | 'deploymentId'>,
): BindingVerdict {
  return { bindingId, workloadId, ...made, inputs };
}

function requestOf({ deliveryId, state }: Dispatch, bound: BoundWorkload, artifact: Artifact): DeploymentRequest {
  const { workloadId, workloadName, sourceKind, node, bindingId } = bound;
  const origin = state.received!.origin;
  const reason: DeploymentReason = origin === 'replay' ? 'webhook' : origin;
  return {
    id: uuidv7(),
    workloadId,
    workloadName,
    sourceKind,
    node,
    reason,
    note: null,
    bindingId,
    deliveryId,
    release: releaseOf(bound, artifact),
  };
}

async function defer(
  { deps, lease, deliveryId, state }: Dispatch,
  later: readonly Judged[],
  resolutions: Resolutions,
): Promise<void> {
  const judgement = later[0]!.judgement as Extract<Judgement, { verdict: 'matched' }>;
  const { code, message, retryInSeconds } = failureOf(resolutions.get(judgement.ref.key), state.attempt + 1);
  const retryAt = new Date(Date.now() + (retryInSeconds ?? 0) * 1000).toISOString();
  await deps.store.commit([on(delivery, deliveryId, { type: 'DeferDelivery', code, message, retryAt })], {
    actor: `system:${deps.owner}`,
    correlationId: deliveryId,
    lease: { subject: lease.subject, epoch: lease.epoch },
  });
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

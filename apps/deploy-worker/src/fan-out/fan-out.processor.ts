import { binding } from '#domain/binding';
import { delivery, type BindingVerdict, type DeliveryState } from '#domain/delivery';
import type { DeploymentReason, DeploymentRequest } from '#domain/deployment';
import { Rejection, RetryableError } from '#domain/errors';
import { Conflict, PreconditionFailed } from '#store/errors';
import { on, type Operation } from '#store/operation';
import { requestOperations } from '#store/request-deployment';
import { settleDelivery } from '#store/settle-delivery';
import { v7 as uuidv7 } from 'uuid';
import type { InboundEvent } from '#plugins/inbound';
import type { Artifact } from '#plugins/source';
import type { WorkerDeps } from '../deps.js';
import { failureOf } from '../failure.js';
import { holdLease, type HeldLease } from '../held-lease.js';
import { judge, type BoundWorkload, type Judgement } from './judge.js';
import { readBound, readTrigger } from './read-bound.js';
import { resolveAll, type Resolutions } from './resolve-all.js';

const CHUNK = 100;

/** Judges every enabled binding of one delivery and asks for the deployments. Whatever one binding does, its siblings go on. */
export async function processDelivery(deps: WorkerDeps, deliveryId: string): Promise<void> {
  const { state } = await deps.store.load(delivery, deliveryId);
  if (state.status !== 'accepted' && state.status !== 'dispatching') return;
  const lease = await holdLease(deps.store.leases, { subject: `delivery-${deliveryId}`, owner: deps.owner }, deps.lease);
  if (lease === null) return;
  const cause = { actor: `system:${deps.owner}`, correlationId: deliveryId };
  try {
    if (!state.isDispatched) await dispatch({ deps, lease, deliveryId, state });
    await settleDelivery(deps.store, deliveryId, cause);
  } finally {
    await lease.release();
  }
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

async function dispatch(run: Dispatch): Promise<void> {
  const { deps, deliveryId, state, lease } = run;
  const received = state.received!;
  const trigger = await readTrigger(deps.store.pool, received.triggerId);
  const bound = trigger === null ? [] : await readBound(deps.store.pool, received.triggerId);
  const open = bound.filter(({ bindingId }) => !state.judged.includes(bindingId));
  const events = received.events as unknown as readonly InboundEvent[];
  const judged = open.map((each) => ({ bound: each, judgement: judge(each, trigger!, events, deps.plugins) }));
  const resolutions = await resolveAll(deps, judged, lease.signal);
  const later = judged.filter(({ judgement }) => isForLater(judgement, resolutions, state.attempt));
  const now = judged.filter((each) => !later.includes(each));
  const chunks = now.length === 0 && later.length === 0 ? [[]] : chunked(now, CHUNK);
  let remaining = judged.length;
  for (const chunk of chunks) {
    remaining -= chunk.length;
    await commitChunk(run, chunk, { resolutions, remaining });
  }
  if (later.length > 0) await defer(deps, deliveryId, { later, resolutions, attempt: state.attempt });
}

function isForLater(judgement: Judgement, resolutions: Resolutions, attempt: number): boolean {
  if (judgement.verdict !== 'matched') return false;
  const resolution = resolutions.get(judgement.ref.key);
  return resolution instanceof RetryableError && failureOf(resolution, attempt + 1).retryInSeconds !== null;
}

interface ChunkContext {
  readonly resolutions: Resolutions;
  /** Bindings without a verdict after this chunk. */
  readonly remaining: number;
}

/** The chunk in one commit; when one binding refuses it, each on its own, so that the others go on. */
async function commitChunk(run: Dispatch, chunk: readonly Judged[], context: ChunkContext): Promise<void> {
  try {
    await commitTogether(run, chunk, context);
  } catch (error) {
    if (chunk.length === 0 || run.lease.signal.aborted) throw error;
    for (const [index, each] of chunk.entries()) {
      const remaining = context.remaining + chunk.length - index - 1;
      await commitTogether(run, [each], { ...context, remaining }).catch((cause: unknown) =>
        commitErrored(run, each, { cause, remaining }),
      );
    }
  }
}

async function commitTogether(run: Dispatch, chunk: readonly Judged[], context: ChunkContext): Promise<void> {
  const outcomes = chunk.map((each) => outcomeOf(run, each, context.resolutions));
  const verdicts = outcomes.map(({ verdict }) => verdict);
  await commitVerdicts(run, { verdicts, operations: outcomes.flatMap(({ operations }) => operations), remaining: context.remaining });
}

async function commitErrored(run: Dispatch, { bound, judgement }: Judged, failed: { cause: unknown; remaining: number }): Promise<void> {
  const { code, message, retryInSeconds } = failureOf(failed.cause, run.state.attempt + 1);
  // The database is away, or the binding changed meanwhile: the sweep brings the delivery back and it is judged afresh.
  if (isPassing(failed.cause) && retryInSeconds !== null) throw failed.cause;
  const verdict = verdictOf(bound, judgement, { verdict: 'errored', code, reason: message, deploymentId: null });
  await commitVerdicts(run, { verdicts: [verdict], operations: [], remaining: failed.remaining });
}

function isPassing(error: unknown): boolean {
  if (error instanceof Rejection) return error.code === 'already-waiting';
  return error instanceof RetryableError || error instanceof Conflict || error instanceof PreconditionFailed;
}

interface Decision {
  readonly verdicts: readonly BindingVerdict[];
  readonly operations: readonly Operation[];
  readonly remaining: number;
}

async function commitVerdicts({ deps, lease, deliveryId }: Dispatch, { verdicts, operations, remaining }: Decision): Promise<void> {
  await deps.store.commit([...operations, on(delivery, deliveryId, { type: 'RecordVerdicts', verdicts, remaining })], {
    actor: `system:${deps.owner}`,
    correlationId: deliveryId,
    lease: { subject: lease.subject, epoch: lease.epoch },
  });
}

function outcomeOf(run: Dispatch, { bound, judgement }: Judged, resolutions: Resolutions) {
  if (judgement.verdict !== 'matched') {
    const { verdict, code, reason } = judgement;
    return { operations: [], verdict: verdictOf(bound, judgement, { verdict, code, reason, deploymentId: null }) };
  }
  const resolution = resolutions.get(judgement.ref.key)!;
  if (resolution instanceof Error) {
    const { code, message } = failureOf(resolution, Number.MAX_SAFE_INTEGER);
    return { operations: [], verdict: verdictOf(bound, judgement, { verdict: 'errored', code, reason: message, deploymentId: null }) };
  }
  const request = requestOf(run, bound, resolution);
  const accept = { type: 'AcceptCandidate', accepted: judgement.accepted, deliveryId: run.deliveryId } as const;
  const operations = [
    { ...on(binding, bound.bindingId, accept), expectedVersion: bound.bindingVersion },
    ...requestOperations(request, bound.pendingDeploymentId),
  ];
  const { code, reason } = judgement;
  return { operations, verdict: verdictOf(bound, judgement, { verdict: 'matched', code, reason, deploymentId: request.id }) };
}

function verdictOf(
  { bindingId, workloadId }: BoundWorkload,
  { inputs }: Judgement,
  made: Pick<BindingVerdict, 'verdict' | 'code' | 'reason' | 'deploymentId'>,
): BindingVerdict {
  return { bindingId, workloadId, ...made, inputs };
}

function requestOf({ deliveryId, state }: Dispatch, bound: BoundWorkload, artifact: Artifact): DeploymentRequest {
  const { workloadId, workloadName, sourceKind, node, bindingId, sourceConfig, faces, env } = bound;
  const release = { artifact, config: sourceConfig, faces, env };
  const origin = state.received!.origin;
  const reason: DeploymentReason = origin === 'replay' ? 'webhook' : origin;
  return { id: uuidv7(), workloadId, workloadName, sourceKind, node, reason, note: null, bindingId, deliveryId, release };
}

interface Later {
  readonly later: readonly Judged[];
  readonly resolutions: Resolutions;
  readonly attempt: number;
}

async function defer(deps: WorkerDeps, deliveryId: string, { later, resolutions, attempt }: Later): Promise<void> {
  const judgement = later[0]!.judgement as Extract<Judgement, { verdict: 'matched' }>;
  const { code, message, retryInSeconds } = failureOf(resolutions.get(judgement.ref.key), attempt + 1);
  const retryAt = new Date(Date.now() + (retryInSeconds ?? 0) * 1000).toISOString();
  await deps.store.commit([on(delivery, deliveryId, { type: 'DeferDelivery', code, message, retryAt })], {
    actor: `system:${deps.owner}`,
    correlationId: deliveryId,
  });
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

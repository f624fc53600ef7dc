import { streamOf } from '#domain/decider';
import { deployment, type DeploymentCommand, type DeploymentState, type StepFailure } from '#domain/deployment';
import { holdLease, type HeldLease } from '#store/held-lease';
import { on } from '#store/operation';
import type { Folded } from '#store/streams';
import type { WorkerDeps } from '../deps.js';
import { openDeploymentLog } from './deployment-log.js';

/** Workers that never came back from a deployment before it is given up: a machine that is restarted takes one, rarely two. */
export const MOST_LOST = 5;
/** From so many on it may be the deployment that kills them. */
export const SUSPECT_FROM = 2;

const CODE = 'worker-crashed';
/** Lines of the log that belong to the failure. */
const LINES_SHOWN = 20;

/**
 * One suspect at a time on a node: those that died along with the real one are not taken for it any longer. Null while
 * another one is at it; the sweep brings this one again.
 */
export async function apart<T>({ store, node, owner, lease }: WorkerDeps, run: () => Promise<T>): Promise<T | null> {
  const turn = await holdLease(store.leases, { subject: `suspects-${node}`, owner }, lease);
  if (turn === null) return null;
  try {
    return await run();
  } finally {
    await turn.release();
  }
}

interface Crashing {
  readonly lease: HeldLease;
  readonly deploymentId: string;
  readonly lost: number;
}

/**
 * Ends a deployment that costs every worker its life; what serves goes on. Before its switch its undo is owed then, once:
 * an undo that kills, too, is left out, and the reconciler's garbage collection has the rest.
 */
export async function giveUp(deps: WorkerDeps, crashing: Crashing): Promise<DeploymentState> {
  const { store, owner, logger } = deps;
  const { lease, deploymentId } = crashing;
  const { state } = await store.load(deployment, deploymentId);
  logger.error({ deploymentId, lost: crashing.lost, code: CODE }, 'A deployment that ends its workers is given up');
  const command = await ending(deps, crashing, state);
  const { folds } = await store.commit([on(deployment, deploymentId, command)], {
    actor: `system:${owner}`,
    correlationId: deploymentId,
    lease: { subject: lease.subject, epoch: lease.epoch },
  });
  return (folds.get(streamOf('deployment', deploymentId)) as Folded<DeploymentState>).state;
}

async function ending(deps: WorkerDeps, crashing: Crashing, state: DeploymentState): Promise<DeploymentCommand> {
  if (state.failure !== null) return { type: 'FailDeployment' };
  if (state.cancel !== null) return { type: 'CancelDeployment', message: state.cancel.message };
  const step = state.current ?? state.steps[state.completed.length] ?? 'claim';
  const message = `${crashing.lost} workers ended at step ${step} and none came back: it kills them, or the host does (memory?). See the workers' logs, then deploy again.`;
  const logOffset = await tell(deps, crashing.deploymentId, { step, line: `given up: ${CODE}: ${message}` });
  const code = CODE;
  if (state.status === 'waiting') return { type: 'RejectDeployment', code, message, class: 'operator' };
  const attempt = Math.max(1, state.attempt);
  const failure: StepFailure = { step, code, class: 'operator', message, attempt, logOffset };
  return { type: 'RecordStepFailure', failure, retryAt: null };
}

/** The offset of the lines that led to it. */
async function tell(
  { store }: WorkerDeps,
  id: string,
  { step, line }: { step: string; line: string },
): Promise<number> {
  const log = await openDeploymentLog(store.pool, id, []);
  const offset = Math.max(1, log.next - LINES_SHOWN);
  log.write(step, line);
  await log.flush();
  return offset;
}

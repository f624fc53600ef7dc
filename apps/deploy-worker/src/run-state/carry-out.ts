import { deployment, type DeploymentState } from '#domain/deployment';
import { TerminalError } from '#domain/errors';
import type { WorkloadState } from '#domain/workload';
import type { Facts, Release, Source, Step, StepIo } from '#plugins/source';
import type { HeldLease } from '#store/held-lease';
import type { WorkerDeps } from '../deps.js';
import { watchFor } from '../deploy/cancel-watch.js';
import { openDeploymentLog } from '../deploy/deployment-log.js';
import { openRelease } from '../deploy/load-release.js';
import { stepIo } from '../deploy/step-io.js';
import { failpoint } from '../failpoint.js';

/** The step at which it ended, and its `cause`. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  constructor(
    readonly step: string,
    override readonly cause: unknown,
  ) {
    super(`step ${step} failed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** `overtaken`: something else is wanted by now. `not-startable`: it has to be deployed again. */
export type Outcome = 'done' | 'overtaken' | 'not-startable';

export interface CarryingOut {
  readonly deps: WorkerDeps;
  readonly lease: HeldLease;
  readonly state: WorkloadState;
}

/** Runs the steps of the source for what is wanted; what was never deployed needs none. Throws {@link StepFailed}. */
export async function carryOut({ deps, lease, state }: CarryingOut): Promise<Outcome> {
  const current = await currentDeployment(deps, state.id);
  if (current?.request === undefined || current.request === null) return 'done';
  const source = deps.plugins.sources.find(({ kind }) => kind === state.sourceKind);
  if (source === undefined) {
    throw new TerminalError('unknown-kind', `This worker has no source ${state.sourceKind}.`, 'operator');
  }
  // The containers are there already: nobody needs the values of their variables.
  const { release, secretValues } = await openRelease(current.request, source, {
    secrets: deps.secrets,
    undecryptableEnv: 'skip',
  });
  const log = await openDeploymentLog(deps.store.pool, current.request.id, secretValues);
  const watch = watchFor(() => isOvertaken(deps, state), 'something else is wanted of the workload');
  const io = (step: string, cancel?: AbortSignal) => stepIo(deps, { lease, workloadId: state.id, step, log, cancel });
  try {
    await runAll(stepsFor(state, source, release), { facts: current.facts, io, lease, cancel: watch.signal });
    return 'done';
  } catch (error) {
    if (watch.signal.aborted && !lease.signal.aborted) return 'overtaken';
    const cause = error instanceof StepFailed ? error.cause : error;
    if (cause instanceof TerminalError && cause.code === 'not-startable') return 'not-startable';
    throw error;
  } finally {
    watch.stop();
    await log.flush();
  }
}

function stepsFor({ runState }: WorkloadState, source: Source, release: Release): readonly Step[] {
  const steps = runState === 'stopped' ? source.stop?.(release) : source.start?.(release);
  if (steps !== undefined) return steps;
  throw new TerminalError('cannot-stop', `A workload of kind ${source.kind} can neither be stopped nor started.`);
}

interface Running {
  readonly facts: Facts;
  readonly io: (step: string, cancel?: AbortSignal) => StepIo;
  readonly lease: HeldLease;
  readonly cancel: AbortSignal;
}

async function runAll(steps: readonly Step[], { facts: known, io, lease, cancel }: Running): Promise<void> {
  let facts = known;
  const begun: Step[] = [];
  for (const step of steps) {
    begun.unshift(step);
    try {
      await failpoint(step.name, 'before');
      lease.signal.throwIfAborted();
      cancel.throwIfAborted();
      facts = { ...facts, ...(await step.run(io(step.name, cancel), facts)) };
      await failpoint(step.name, 'after');
    } catch (error) {
      if (lease.signal.aborted) throw error;
      for (const each of begun) await each.undo?.(io(each.name), facts);
      throw new StepFailed(step.name, error);
    }
  }
}

async function currentDeployment({ store }: WorkerDeps, workloadId: string): Promise<DeploymentState | null> {
  const { rows } = await store.pool.query<{ id: string | null }>(
    'select current_deployment_id as id from view.workload where id = $1',
    [workloadId],
  );
  const id = rows[0]?.id ?? null;
  return id === null ? null : (await store.load(deployment, id)).state;
}

async function isOvertaken({ store }: WorkerDeps, { id, runState }: WorkloadState): Promise<boolean> {
  const { rows } = await store.pool.query<{ isIt: boolean }>({
    name: 'run-state-overtaken',
    text: `select run_state <> $2 or lifecycle <> 'present' as "isIt" from view.workload where id = $1`,
    values: [id, runState],
  });
  return rows[0]?.isIt !== false;
}

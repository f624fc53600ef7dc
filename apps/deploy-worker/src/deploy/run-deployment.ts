import {
  deployment,
  isUnfinished,
  type DeploymentCommand,
  type DeploymentState,
  type StepFailure,
} from '#domain/deployment';
import { workload } from '#domain/workload';
import { streamOf } from '#domain/decider';
import { TerminalError } from '#domain/errors';
import type { Facts, Plan, Release, Source, Step, StepIo } from '#plugins/source';
import { on, type Operation } from '#store/operation';
import type { Statement } from '#store/statement';
import type { Store } from '#store/store';
import type { Folded } from '#store/streams';
import { failpoint } from '../failpoint.js';
import { failureOf, redacted } from '../failure.js';
import type { HeldLease } from '#store/held-lease';
import type { CancelWatch } from './cancel-watch.js';
import type { DeploymentLog } from './deployment-log.js';

/** One deployment in the hands of one holder. */
export interface Run {
  readonly store: Store;
  readonly lease: HeldLease;
  readonly owner: string;
  readonly deploymentId: string;
  readonly correlationId: string;
  readonly source: Source;
  readonly release: Release;
  readonly previous: Release | null;
  readonly previousDeploymentId: string | null;
  /** Variables that are left out. */
  readonly skippedEnv: readonly string[];
  readonly log: DeploymentLog;
  readonly stopping: AbortSignal | undefined;
  /** The workload is stopped: it runs from the switch on. */
  readonly startsWorkload: boolean;
  /** What else must hold when the deployment is claimed. */
  readonly claimGuards: readonly Statement[];
  /** The stream as its holder knows it. Beside it only a request to cancel is written: then it is read anew. */
  known: Folded<DeploymentState>;
  /** Called once the switch is recorded: its delivery has room again. */
  onSwitched(): Promise<void>;
  /** I/O for one step; its `signal` is the lease's, and that of a cancel where it is given. */
  io(step: string, cancel?: AbortSignal): StepIo;
  /** Until the switch begins. */
  watchCancel(): CancelWatch;
}

/**
 * The saga: runs the steps that this deployment has not completed, records each boundary under the lease, undoes what
 * came before the switch when a step fails for good. Safe to call again after a crash at any point.
 */
export async function runDeployment(run: Run): Promise<DeploymentState> {
  const loaded = run.known.state;
  const plan = run.source.plan(run.release, run.previous);
  if (owesUndo(loaded)) return await undoAndEnd(run, plan, loaded);
  let state = await record(run, claim(run, plan));
  await failpoint('claim', 'after', run.release.workloadId);
  while (isUnfinished(state) && state.failure === null && state.current !== null && !run.stopping?.aborted) {
    const step = stepNamed(plan, state.current);
    try {
      const facts = await runStep(run, step, state);
      if (facts === 'cancelled') {
        run.known = await run.store.load(deployment, run.deploymentId);
        state = run.known.state;
        break;
      }
      state = await record(run, { type: 'CompleteStep', step: stepName(step), facts });
      if (step.commit) await run.onSwitched();
    } catch (error) {
      if (isLost(run, error)) throw error;
      state = await recordFailure(run, state, error);
      if (state.failure === null && state.cancel === null) return state;
    }
  }
  return owesUndo(state) ? await undoAndEnd(run, plan, state) : state;
}

function owesUndo({ status, failure, cancel }: DeploymentState): boolean {
  return status === 'running' && (failure !== null || cancel !== null);
}

/** A step of one instance has a name of its own in the log. */
export function stepName(step: Step): string {
  return step.instance === undefined ? step.name : `${step.name}-${step.instance}`;
}

function claim(run: Run, plan: Plan): DeploymentCommand {
  const commitStep = plan.steps.find((step) => step.commit);
  if (commitStep === undefined)
    throw new TerminalError('no-commit-step', `Source ${run.source.kind} planned no commit step.`);
  const { owner, previousDeploymentId, skippedEnv } = run;
  return {
    type: 'ClaimDeployment',
    steps: plan.steps.map(stepName),
    commitStep: stepName(commitStep),
    owner,
    previousDeploymentId,
    ...(skippedEnv.length > 0 && { skippedEnv }),
  };
}

async function runStep(run: Run, step: Step, state: DeploymentState): Promise<Facts | 'cancelled'> {
  const name = stepName(step);
  await failpoint(name, 'before', run.release.workloadId);
  run.lease.signal.throwIfAborted();
  const isCancellable = state.status === 'running' && !step.commit;
  const watch = isCancellable ? run.watchCancel() : null;
  try {
    const facts = await step.run(run.io(name, watch?.signal), state.facts);
    await failpoint(name, 'after', run.release.workloadId);
    run.lease.signal.throwIfAborted();
    return facts;
  } catch (error) {
    if (watch?.signal.aborted && !isLost(run, error)) return 'cancelled';
    throw error;
  } finally {
    watch?.stop();
  }
}

async function recordFailure(run: Run, state: DeploymentState, error: unknown): Promise<DeploymentState> {
  const step = state.current!;
  const {
    code,
    message,
    retryInSeconds,
    class: failureClass,
  } = failureOf(redacted(error, run.log.redact), state.attempt);
  const logOffset = Math.max(1, run.log.next - LINES_SHOWN);
  run.log.write(step, `${retryInSeconds === null ? 'failed' : 'failed, will be tried again'}: ${code}: ${message}`);
  await run.log.flush();
  const failure: StepFailure = { step, code, class: failureClass, message, attempt: state.attempt, logOffset };
  const retryAt = retryInSeconds === null ? null : new Date(Date.now() + retryInSeconds * 1000).toISOString();
  return await record(run, { type: 'RecordStepFailure', failure, retryAt });
}

/** Lines of the log that belong to a failure. */
const LINES_SHOWN = 20;

async function undoAndEnd(run: Run, plan: Plan, state: DeploymentState): Promise<DeploymentState> {
  const begun = plan.steps.filter(
    (step) => state.completed.includes(stepName(step)) || state.current === stepName(step),
  );
  for (const step of begun.reverse()) {
    if (step.undo === undefined) continue;
    run.lease.signal.throwIfAborted();
    await failpoint('undo', 'before', run.release.workloadId);
    await step.undo(run.io(stepName(step)), state.facts);
    await failpoint('undo', 'after', run.release.workloadId);
    run.log.write(stepName(step), 'undone');
  }
  if (state.failure !== null) await run.source.failed?.(run.release, state.failure, run.io(state.failure.step));
  await run.log.flush();
  if (state.failure !== null || state.cancel === null) return await record(run, { type: 'FailDeployment' });
  return await record(run, { type: 'CancelDeployment', message: state.cancel.message });
}

async function record(run: Run, command: DeploymentCommand): Promise<DeploymentState> {
  const { store, lease, deploymentId, correlationId, owner } = run;
  const operations = [{ ...on(deployment, deploymentId, command), known: run.known }, ...withTheSwitch(run, command)];
  const { folds } = await store.commit(operations, {
    actor: `system:${owner}`,
    correlationId,
    lease: { subject: lease.subject, epoch: lease.epoch },
    extra: command.type === 'ClaimDeployment' ? run.claimGuards : [],
  });
  run.known = folds.get(streamOf('deployment', deploymentId)) as Folded<DeploymentState>;
  return run.known.state;
}

/** With its success, what a rollback leaves has become `rolled_back`, and a stopped workload runs. */
function withTheSwitch(run: Run, command: DeploymentCommand): readonly Operation[] {
  const { deploymentId, release, startsWorkload, known } = run;
  const { request, commitStep, previousDeploymentId } = known.state;
  if (command.type !== 'CompleteStep' || command.step !== commitStep) return [];
  const started = startsWorkload ? [on(workload, release.workloadId, { type: 'StartByDeployment', deploymentId })] : [];
  if (request?.reason !== 'rollback' || previousDeploymentId === null) return started;
  return [...started, on(deployment, previousDeploymentId, { type: 'RollBackDeployment', by: deploymentId })];
}

function stepNamed(plan: Plan, name: string): Step {
  const step = plan.steps.find((candidate) => stepName(candidate) === name);
  if (step === undefined) {
    throw new TerminalError(
      'unknown-step',
      `This release plans no step ${name}; a newer release began this deployment.`,
    );
  }
  return step;
}

function isLost(run: Run, error: unknown): boolean {
  return (
    run.lease.signal.aborted || (error instanceof Error && (error.name === 'LeaseLost' || error.name === 'RouteMoved'))
  );
}

import { requestCancel, supersede, type CancelRequest } from './cancel.js';
import type { Decider, DomainEvent, Reads } from './decider.js';
import { Rejection, type FailureClass } from './errors.js';
import { neverSucceeded, releasePruned, type Promotion, type ReleaseRecord } from './release.js';

export type DeploymentStatus =
  'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'superseded' | 'skipped' | 'rolled_back';
export type DeploymentReason = 'manual' | 'webhook' | 'poll' | 'schedule' | 'promote' | 'rollback' | 'drift' | 'event';

export interface DeploymentRequest {
  readonly id: string;
  readonly workloadId: string;
  readonly workloadName: string;
  readonly sourceKind: string;
  readonly node: string;
  readonly reason: DeploymentReason;
  readonly note: string | null;
  readonly bindingId: string | null;
  readonly deliveryId: string | null;
  readonly release: ReleaseRecord;
  /** The deployment whose release is brought back. */
  readonly restores?: string;
  readonly promotedFrom?: Promotion;
  /** Also when nothing changed. */
  readonly force?: true;
}

/** Why a step or a deployment failed; lines from the log are read at `logOffset`, never stored here. */
export interface StepFailure {
  readonly step: string;
  readonly code: string;
  readonly class: FailureClass;
  readonly message: string;
  readonly attempt: number;
  readonly logOffset: number;
}

interface StartOfDeployment {
  readonly steps: readonly string[];
  readonly commitStep: string;
  readonly owner: string;
  readonly previousDeploymentId: string | null;
  /** Variables that could not be decrypted and were left out; left out itself = none. */
  readonly skippedEnv?: readonly string[];
}

export type DeploymentFacts = Readonly<Record<string, unknown>>;

export type DeploymentEvent =
  | Event<'DeploymentRequested', DeploymentRequest>
  | Event<'DeploymentStarted', StartOfDeployment>
  | Event<'DeploymentDeferred', { code: string; message: string; attempt: number; retryAt: string }>
  | Event<'StepStarted', { step: string; attempt: number }>
  | Event<'StepCompleted', { step: string; facts: DeploymentFacts }>
  | Event<'StepFailed', StepFailure & { retryAt: string | null }>
  | Event<'DeploymentSucceeded', object>
  | Event<'DeploymentFailed', StepFailure>
  | Event<'DeploymentCancelRequested', CancelRequest & { node: string }>
  | Event<'DeploymentCancelled', { message: string }>
  | Event<'DeploymentSuperseded', { by: string }>
  | Event<'DeploymentSkipped', { code: string; message: string }>
  | Event<'DeploymentRolledBack', { by: string }>
  | Event<'ReleasePinned', object>
  | Event<'ReleaseUnpinned', object>
  | Event<'ReleasePruned', object>;

export type DeploymentCommand =
  | { type: 'RequestDeployment'; request: DeploymentRequest }
  | ({
      type: 'ClaimDeployment';
    } & StartOfDeployment)
  | { type: 'DeferDeployment'; code: string; message: string; retryAt: string }
  | { type: 'CompleteStep'; step: string; facts: DeploymentFacts }
  | { type: 'RecordStepFailure'; failure: StepFailure; retryAt: string | null }
  | { type: 'FailDeployment' }
  | { type: 'RejectDeployment'; code: string; message: string; class: FailureClass }
  | { type: 'RequestCancel'; message: string; onlyIfStill?: boolean }
  | { type: 'CancelDeployment'; message: string }
  | { type: 'SupersedeDeployment'; by: string; cancelsRunning?: boolean }
  | { type: 'SkipDeployment'; code: string; message: string }
  | { type: 'RollBackDeployment'; by: string }
  | { type: 'PinRelease' }
  | { type: 'UnpinRelease' }
  | { type: 'PruneRelease' };

export interface DeploymentState {
  readonly request: DeploymentRequest | null;
  readonly status: 'absent' | DeploymentStatus;
  readonly steps: readonly string[];
  readonly commitStep: string | null;
  readonly previousDeploymentId: string | null;
  readonly completed: readonly string[];
  /** The step that was started last and not completed yet. */
  readonly current: string | null;
  readonly attempt: number;
  /** Set when a step failed for good and its undo is still owed. */
  readonly failure: StepFailure | null;
  /** Set when somebody wants it to end; what it did until then is undone first. */
  readonly cancel: CancelRequest | null;
  readonly facts: DeploymentFacts;
  /** Kept whatever came after it. */
  readonly isPinned: boolean;
  /** It can no longer be brought back. */
  readonly isPruned: boolean;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const deployment: Decider<DeploymentState, DeploymentCommand, DeploymentEvent> = {
  name: 'deployment',
  initial: {
    request: null,
    status: 'absent',
    steps: [],
    commitStep: null,
    previousDeploymentId: null,
    completed: [],
    current: null,
    attempt: 0,
    failure: null,
    cancel: null,
    facts: {},
    isPinned: false,
    isPruned: false,
  },
  decide(command, state, reads) {
    if (command.type === 'RequestDeployment') {
      if (state.status !== 'absent') return [];
      requireKept(command.request, reads);
      return [{ type: 'DeploymentRequested', data: command.request }];
    }
    if (state.status === 'absent') throw new Rejection('not-found', 'There is no such deployment.');
    switch (command.type) {
      case 'ClaimDeployment':
        return claim(command, state);
      case 'DeferDeployment': {
        const { code, message, retryAt } = command;
        if (state.status !== 'waiting') return [];
        return [{ type: 'DeploymentDeferred', data: { code, message, retryAt, attempt: state.attempt + 1 } }];
      }
      case 'CompleteStep':
        return completeStep(command, state);
      case 'RecordStepFailure':
        return recordFailure(command, state);
      case 'FailDeployment':
        return state.status === 'running' && state.failure ? [{ type: 'DeploymentFailed', data: state.failure }] : [];
      case 'RejectDeployment': {
        const { code, message, class: failureClass } = command;
        if (state.status !== 'waiting') return [];
        const failure = { step: 'claim', code, class: failureClass, message, attempt: state.attempt + 1, logOffset: 1 };
        return [{ type: 'DeploymentFailed', data: failure }];
      }
      case 'RequestCancel':
        return requestCancel(command, state);
      case 'CancelDeployment':
        return state.status === 'waiting' || state.status === 'running'
          ? [{ type: 'DeploymentCancelled', data: { message: command.message } }]
          : [];
      case 'SupersedeDeployment':
        return supersede(command, state);
      case 'SkipDeployment':
        return state.status === 'waiting'
          ? [{ type: 'DeploymentSkipped', data: { code: command.code, message: command.message } }]
          : [];
      case 'RollBackDeployment':
        return state.status === 'succeeded' ? [{ type: 'DeploymentRolledBack', data: { by: command.by } }] : [];
      case 'PinRelease':
        return pin(state);
      case 'UnpinRelease':
        return state.isPinned ? [{ type: 'ReleaseUnpinned', data: {} }] : [];
      case 'PruneRelease':
        return isRelease(state) && !state.isPinned && !state.isPruned ? [{ type: 'ReleasePruned', data: {} }] : [];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'DeploymentRequested':
        return { ...state, request: event.data, status: 'waiting' };
      case 'DeploymentStarted': {
        const { steps, commitStep, previousDeploymentId } = event.data;
        return { ...state, status: 'running', steps, commitStep, previousDeploymentId };
      }
      case 'DeploymentDeferred':
        return { ...state, attempt: event.data.attempt };
      case 'StepStarted':
        return { ...state, current: event.data.step, attempt: event.data.attempt };
      case 'StepCompleted':
        return {
          ...state,
          current: null,
          attempt: 0,
          completed: [...state.completed, event.data.step],
          facts: { ...state.facts, ...event.data.facts },
        };
      case 'StepFailed':
        return event.data.retryAt === null ? { ...state, failure: event.data } : state;
      case 'DeploymentCancelRequested':
        return { ...state, cancel: { message: event.data.message } };
      case 'DeploymentSucceeded':
        return { ...state, status: 'succeeded' };
      case 'DeploymentFailed':
        return { ...state, status: 'failed', current: null };
      case 'DeploymentCancelled':
        return { ...state, status: 'cancelled', current: null };
      case 'DeploymentSuperseded':
        return { ...state, status: 'superseded' };
      case 'DeploymentSkipped':
        return { ...state, status: 'skipped' };
      case 'DeploymentRolledBack':
        return { ...state, status: 'rolled_back' };
      case 'ReleasePinned':
        return { ...state, isPinned: true };
      case 'ReleaseUnpinned':
        return { ...state, isPinned: false };
      case 'ReleasePruned':
        return { ...state, isPruned: true };
    }
  },
};

/** True while a worker still owes it something: also the steps after the switch. */
export function isUnfinished(state: DeploymentState): boolean {
  if (state.status === 'waiting' || state.status === 'running') return true;
  return state.status === 'succeeded' && state.failure === null && state.completed.length < state.steps.length;
}

/** What served once can be brought back, also when it was rolled away from. */
function isRelease({ status }: DeploymentState): boolean {
  return status === 'succeeded' || status === 'rolled_back';
}

/** `reads.restored` is the row of the deployment whose release is brought back. */
function requireKept({ restores }: DeploymentRequest, { restored }: Reads): void {
  if (restores === undefined || !restored || restored['pruned_at'] === null) return;
  throw releasePruned(restores);
}

function pin(state: DeploymentState): DeploymentEvent[] {
  const { id = '' } = state.request ?? {};
  if (!isRelease(state)) throw neverSucceeded(id, state.status);
  if (state.isPruned) throw releasePruned(id);
  return state.isPinned ? [] : [{ type: 'ReleasePinned', data: {} }];
}

function claim(
  command: Extract<DeploymentCommand, { type: 'ClaimDeployment' }>,
  state: DeploymentState,
): DeploymentEvent[] {
  const { type: _type, ...start } = command;
  if (state.failure !== null || state.cancel !== null) return [];
  if (state.status === 'waiting') {
    return [
      { type: 'DeploymentStarted', data: start },
      { type: 'StepStarted', data: { step: start.steps[0]!, attempt: 1 } },
    ];
  }
  if (!isUnfinished(state)) return [];
  const next = state.current ?? state.steps[state.completed.length];
  return next === undefined ? [] : [{ type: 'StepStarted', data: { step: next, attempt: state.attempt + 1 } }];
}

function completeStep(command: { step: string; facts: DeploymentFacts }, state: DeploymentState): DeploymentEvent[] {
  const { step, facts } = command;
  if (state.current !== step || state.failure !== null) return [];
  // A step that ended although it is to be cancelled: its facts are what the undo goes by.
  const next = state.cancel === null ? state.steps[state.completed.length + 1] : undefined;
  return [
    { type: 'StepCompleted', data: { step, facts } },
    ...(step === state.commitStep ? [{ type: 'DeploymentSucceeded' as const, data: {} }] : []),
    ...(next === undefined ? [] : [{ type: 'StepStarted' as const, data: { step: next, attempt: 1 } }]),
  ];
}

function recordFailure(
  command: { failure: StepFailure; retryAt: string | null },
  state: DeploymentState,
): DeploymentEvent[] {
  const { failure, retryAt } = command;
  // A waiting one has no step yet: it is deferred or rejected.
  if (state.status === 'waiting' || !isUnfinished(state) || state.failure !== null || state.cancel !== null) return [];
  return [{ type: 'StepFailed', data: { ...failure, retryAt } }];
}

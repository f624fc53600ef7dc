export type RunState = 'running' | 'stopped';

/** Why a workload that should run could not be started. */
export interface StartFailure {
  readonly step: string;
  readonly code: string;
  readonly message: string;
}

export interface RunStateOf {
  readonly node: string;
  /** What is wanted. */
  readonly runState: RunState;
  /** False while a worker still owes it. */
  readonly isRunStateReached: boolean;
  /** Deployments that a stop came upon: none of them starts the workload any more. */
  readonly stoppedDuring: readonly string[];
}

export type RunStateEvent =
  | Event<
      'WorkloadStopped',
      { readonly node: string; readonly during: readonly string[]; readonly reason: string | null }
    >
  | Event<
      'WorkloadStarted',
      { readonly node: string; readonly deploymentId: string | null; readonly reason: string | null }
    >
  | Event<'RunStateReached', { readonly runState: RunState }>
  | Event<'WorkloadStartFailed', StartFailure>;

export type RunStateCommand =
  | { type: 'StopWorkload'; during: readonly string[]; reason: string | null }
  | { type: 'StartWorkload'; reason: string | null }
  | { type: 'StartByDeployment'; deploymentId: string }
  | { type: 'ReachRunState'; runState: RunState }
  | { type: 'FailStart'; failure: StartFailure };

interface Event<T extends string, D extends object> {
  readonly type: T;
  readonly data: D;
}

/** What is wanted changes at once; a worker carries it out and records that it is reached. */
export function decideRunState(command: RunStateCommand, state: RunStateOf): RunStateEvent[] {
  const { node, runState } = state;
  switch (command.type) {
    case 'StopWorkload': {
      const { during, reason } = command;
      const isStopped = runState === 'stopped' && during.every((id) => state.stoppedDuring.includes(id));
      return isStopped ? [] : [{ type: 'WorkloadStopped', data: { node, during, reason } }];
    }
    case 'StartWorkload':
      if (runState === 'running') return [];
      return [{ type: 'WorkloadStarted', data: { node, deploymentId: null, reason: command.reason } }];
    case 'StartByDeployment': {
      const { deploymentId } = command;
      if (runState === 'running' || state.stoppedDuring.includes(deploymentId)) return [];
      return [{ type: 'WorkloadStarted', data: { node, deploymentId, reason: null } }];
    }
    case 'ReachRunState':
      if (runState !== command.runState || state.isRunStateReached) return [];
      return [{ type: 'RunStateReached', data: { runState } }];
    case 'FailStart':
      if (runState === 'stopped' || state.isRunStateReached) return [];
      return [{ type: 'WorkloadStartFailed', data: command.failure }];
  }
}

export function evolveRunState<S extends RunStateOf>(state: S, event: RunStateEvent): S {
  switch (event.type) {
    case 'WorkloadStopped':
      return { ...state, runState: 'stopped', isRunStateReached: false, stoppedDuring: event.data.during };
    case 'WorkloadStarted':
      // A deployment that has switched is what runs: there is nothing left to start.
      return { ...state, runState: 'running', isRunStateReached: event.data.deploymentId !== null, stoppedDuring: [] };
    case 'RunStateReached':
      return { ...state, isRunStateReached: true };
    case 'WorkloadStartFailed':
      return { ...state, runState: 'stopped', isRunStateReached: true };
  }
}

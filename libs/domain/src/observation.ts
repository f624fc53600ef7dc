import type { Decider, DomainEvent } from './decider.js';
import type { Policy } from './workload.js';

/**
 * `missing`: gone. `crashed`, `stopped`: there, and not running. `changed`: another image, or made anew by hand. `extra`:
 * ours, of a deployment that is neither current nor under way. `unknown`: of a deployment that the log does not know.
 */
export type FindingKind = 'missing' | 'crashed' | 'stopped' | 'changed' | 'extra' | 'unknown';
export interface Finding {
  readonly kind: FindingKind;
  /** Null where a source does not tell its containers apart. */
  readonly container: string | null;
  readonly detail: string;
}

export interface ObservedContainer {
  readonly name: string;
  readonly containerId: string;
  readonly deploymentId: string;
  readonly state: string;
  readonly health: string;
}

export type ObservedState = 'running' | 'degraded' | 'missing' | 'stopped';

/** What a reconciler saw of one workload. */
export interface Observed {
  readonly workloadId: string;
  /** The current one. */
  readonly deploymentId: string | null;
  readonly state: ObservedState;
  readonly detail: string;
  readonly containers: readonly ObservedContainer[];
}

export interface Crash {
  readonly workloadId: string;
  readonly deploymentId: string;
  readonly container: string;
  readonly containerId: string;
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** As the engine counts them; it starts anew when somebody starts the container. */
  readonly restarts: number;
}

/** What a volume with a limit holds. */
export interface StorageUse {
  readonly workloadId: string;
  /** The current one. */
  readonly deploymentId: string;
  /** Docker's name of it. */
  readonly volume: string;
  readonly bytes: number;
  readonly limitMb: number;
}

export type ObservationEvent =
  | Event<'ContainersObserved', Observed>
  | Event<
      'DriftObserved',
      {
        workloadId: string;
        deploymentId: string | null;
        policy: Policy['drift'];
        findings: readonly Finding[];
        /** When the first of it was seen. */
        since: string;
      }
    >
  | Event<
      'DriftHealed',
      {
        workloadId: string;
        findings: readonly Finding[];
        since: string;
        /** The deployment that brought it back; null = nobody of ours did. */
        healedBy: string | null;
      }
    >
  | Event<'ContainerCrashed', Crash & { crashes: number }>
  /** The next deployment may only read it. */
  | Event<'StorageExceeded', StorageUse>
  | Event<'StorageRecovered', StorageUse>
  | Event<
      'WatchFailed',
      {
        workloadId: string;
        deploymentId: string;
        crashes: number;
        seconds: number;
        onFailure: 'alert' | 'rollback';
      }
    >;

export type ObservationCommand =
  | {
      type: 'RecordObservation';
      observed: Observed;
      findings: readonly Finding[];
      policy: Policy['drift'];
      healedBy: string | null;
      at: string;
    }
  | { type: 'RecordCrash'; crash: Crash }
  | { type: 'RecordStorage'; storage: StorageUse; isOver: boolean }
  | {
      type: 'FailWatch';
      workloadId: string;
      deploymentId: string;
      crashes: number;
      seconds: number;
      onFailure: 'alert' | 'rollback';
    };

export interface ObservationState {
  readonly seen: Observed | null;
  readonly drift: { readonly findings: readonly Finding[]; readonly since: string } | null;
  /** Restarts of the current containers that are recorded. */
  readonly restarts: Readonly<Record<string, number>>;
  /** The last deployment whose watch window failed: told once. */
  readonly watchFailed: string | null;
  readonly isStorageOver: boolean;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

/** What was seen of a workload: a stream beside the workload's own, whose version is that of what people changed. */
export const observation: Decider<ObservationState, ObservationCommand, ObservationEvent> = {
  name: 'observation',
  initial: { seen: null, drift: null, restarts: {}, watchFailed: null, isStorageOver: false },
  decide(command, state) {
    switch (command.type) {
      case 'RecordObservation':
        return [...seen(command.observed, state), ...drift(command, state)];
      case 'RecordCrash':
        return crash(command.crash, state);
      case 'RecordStorage':
        if (command.isOver === state.isStorageOver) return [];
        return [{ type: command.isOver ? 'StorageExceeded' : 'StorageRecovered', data: command.storage }];
      case 'FailWatch': {
        const { type: _, ...data } = command;
        return state.watchFailed === data.deploymentId ? [] : [{ type: 'WatchFailed', data }];
      }
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'ContainersObserved':
        return { ...state, seen: event.data, restarts: ofPresent(state.restarts, event.data) };
      case 'DriftObserved':
        return { ...state, drift: { findings: event.data.findings, since: event.data.since } };
      case 'DriftHealed':
        return { ...state, drift: null };
      case 'ContainerCrashed':
        return { ...state, restarts: { ...state.restarts, [event.data.containerId]: event.data.restarts } };
      case 'StorageExceeded':
        return { ...state, isStorageOver: true };
      case 'StorageRecovered':
        return { ...state, isStorageOver: false };
      case 'WatchFailed':
        return { ...state, watchFailed: event.data.deploymentId };
    }
  },
};

/** Equal for what looks the same to a reader: words and order do not count. */
export function findingsKey(findings: readonly Finding[]): string {
  return findings
    .map(({ kind, container }) => `${kind} ${container ?? ''}`)
    .sort()
    .join('\n');
}

export function observedKey({ deploymentId, state, containers }: Omit<Observed, 'workloadId' | 'detail'>): string {
  // Between two restarts it is the one or the other: those are told as crashes.
  const lives = (word: string) => (word === 'restarting' ? 'running' : word);
  const rows = containers.map((each) => `${each.containerId} ${lives(each.state)} ${each.health}`).sort();
  return [deploymentId ?? '', state, ...rows].join('\n');
}

function seen(observed: Observed, state: ObservationState): ObservationEvent[] {
  if (state.seen !== null && observedKey(state.seen) === observedKey(observed)) return [];
  return [{ type: 'ContainersObserved', data: observed }];
}

function drift(
  command: Extract<ObservationCommand, { type: 'RecordObservation' }>,
  state: ObservationState,
): ObservationEvent[] {
  const { findings, policy, healedBy, observed } = command;
  const { workloadId, deploymentId } = observed;
  if (findings.length === 0) {
    if (state.drift === null) return [];
    return [{ type: 'DriftHealed', data: { workloadId, ...state.drift, healedBy } }];
  }
  if (state.drift !== null && findingsKey(state.drift.findings) === findingsKey(findings)) return [];
  const since = state.drift?.since ?? command.at;
  return [{ type: 'DriftObserved', data: { workloadId, deploymentId, policy, findings, since } }];
}

function crash(found: Crash, state: ObservationState): ObservationEvent[] {
  const known = state.restarts[found.containerId] ?? 0;
  // Fewer than before: somebody started it by hand, and the engine counts from there.
  const crashes = found.restarts >= known ? found.restarts - known : found.restarts;
  return crashes === 0 ? [] : [{ type: 'ContainerCrashed', data: { ...found, crashes } }];
}

function ofPresent(restarts: Readonly<Record<string, number>>, { containers }: Observed): Record<string, number> {
  const present = new Set(containers.map(({ containerId }) => containerId));
  return Object.fromEntries(Object.entries(restarts).filter(([containerId]) => present.has(containerId)));
}

import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';
import { normaliseFaces, type Face } from './face.js';
import {
  decideRunState,
  evolveRunState,
  type RunStateCommand,
  type RunStateEvent,
  type RunStateOf,
} from './run-state.js';
import { isSame } from './same.js';
import type { SecretRef } from './secret-ref.js';
import { normaliseVolumes, type Volume } from './volume.js';

/** What to do about drift, a bad watch window, a newer request and an unreadable variable. */
export interface Policy {
  readonly drift: 'heal' | 'alert' | 'ignore';
  readonly watchWindow: { readonly seconds: number; readonly onFailure: 'alert' | 'rollback' } | null;
  readonly onNewer: 'queue' | 'cancel';
  readonly undecryptableEnv: 'fail' | 'skip';
}

export const DEFAULT_POLICY: Policy = { drift: 'heal', watchWindow: null, onNewer: 'queue', undecryptableEnv: 'fail' };

/** One environment variable: plain, or a reference to a secret. */
export type EnvEntry = { readonly optional: boolean } & ({ readonly value: string } | { readonly secret: SecretRef });
export type Env = Readonly<Record<string, EnvEntry>>;

export interface Hold {
  readonly reason: string;
  readonly since: string;
}

export type WorkloadEvent =
  | Event<'WorkloadCreated', WorkloadSettings & { id: string; name: string; sourceKind: string; node: string }>
  | Event<'WorkloadChanged', Partial<WorkloadSettings>>
  | Event<'FacesSet', { faces: readonly Face[] }>
  | Event<'EnvSet', { env: Env }>
  | Event<'EnvUnset', { key: string }>
  | Event<'VolumesSet', { volumes: readonly Volume[] }>
  | Event<'HoldSet', Hold>
  | Event<'HoldReleased', object>
  | RunStateEvent
  | Event<'WorkloadDeleted', { node: string }>
  | Event<'WorkloadTornDown', object>;

interface WorkloadSettings {
  readonly title: string | null;
  readonly stage: string | null;
  readonly sourceConfig: Readonly<Record<string, unknown>>;
  readonly parentId: string | null;
  readonly policy: Policy;
  /** A name that no other workload of the node may have; left out: none. */
  readonly claim?: string;
}

export type WorkloadCommand =
  | {
      type: 'CreateWorkload';
      id: string;
      name: string;
      sourceKind: string;
      node: string;
      faces: readonly Face[];
      settings: WorkloadSettings;
    }
  | { type: 'ChangeWorkload'; changes: Partial<WorkloadSettings>; faces?: readonly Face[] }
  | { type: 'SetEnv'; env: Env }
  | { type: 'UnsetEnv'; key: string }
  | { type: 'SetVolumes'; volumes: readonly Volume[] }
  | { type: 'SetHold'; reason: string; at: string }
  | { type: 'ReleaseHold' }
  | RunStateCommand
  | { type: 'DeleteWorkload'; children: readonly string[] }
  | { type: 'RecordTornDown' };

export interface WorkloadState extends WorkloadSettings, RunStateOf {
  readonly status: 'absent' | 'present' | 'deleting' | 'gone';
  readonly id: string;
  readonly name: string;
  readonly sourceKind: string;
  readonly node: string;
  readonly faces: readonly Face[];
  readonly env: Env;
  readonly volumes: readonly Volume[];
  readonly hold: Hold | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const workload: Decider<WorkloadState, WorkloadCommand, WorkloadEvent> = {
  name: 'workload',
  initial: {
    status: 'absent',
    id: '',
    name: '',
    title: null,
    stage: null,
    sourceKind: '',
    sourceConfig: {},
    parentId: null,
    node: '',
    policy: DEFAULT_POLICY,
    faces: [],
    env: {},
    volumes: [],
    hold: null,
    runState: 'running',
    isRunStateReached: true,
    stoppedDuring: [],
  },
  decide(command, state) {
    if (command.type === 'CreateWorkload') return create(command, state);
    if (command.type === 'RecordTornDown')
      return state.status === 'deleting' ? [{ type: 'WorkloadTornDown', data: {} }] : [];
    if (state.status === 'absent' || state.status === 'gone')
      throw new Rejection('not-found', 'There is no such workload.');
    if (command.type === 'DeleteWorkload') return remove(command, state);
    if (state.status === 'deleting') {
      throw new Rejection(
        'workload-deleting',
        `Workload ${state.name} is being deleted; create a new one once it is gone.`,
      );
    }
    return change(command, state);
  },
  evolve(state, event) {
    switch (event.type) {
      case 'WorkloadCreated':
        return { ...state, ...event.data, status: 'present' };
      case 'WorkloadChanged':
        return { ...state, ...event.data };
      case 'FacesSet':
        return { ...state, faces: event.data.faces };
      case 'EnvSet':
        return { ...state, env: event.data.env };
      case 'EnvUnset':
        return { ...state, env: without(state.env, event.data.key) };
      case 'VolumesSet':
        return { ...state, volumes: event.data.volumes };
      case 'HoldSet':
        return { ...state, hold: event.data };
      case 'HoldReleased':
        return { ...state, hold: null };
      case 'WorkloadStopped':
      case 'WorkloadStarted':
      case 'RunStateReached':
      case 'WorkloadStartFailed':
        return evolveRunState(state, event);
      case 'WorkloadDeleted':
        return { ...state, status: 'deleting' };
      case 'WorkloadTornDown':
        return { ...state, status: 'gone', faces: [] };
    }
  },
};

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function create(command: Extract<WorkloadCommand, { type: 'CreateWorkload' }>, state: WorkloadState): WorkloadEvent[] {
  if (state.status !== 'absent') return [];
  if (!NAME.test(command.name)) {
    throw new Rejection('invalid-name', 'The name must be a DNS label.', [
      { pointer: '/name', detail: 'must be 1 to 63 of a-z, 0-9 and "-", neither starting nor ending with "-"' },
    ]);
  }
  const { id, name, sourceKind, node, settings } = command;
  const faces = normaliseFaces(command.faces);
  const created: WorkloadEvent = { type: 'WorkloadCreated', data: { id, name, sourceKind, node, ...settings } };
  return faces.length === 0 ? [created] : [created, { type: 'FacesSet', data: { faces } }];
}

function change(
  command: Exclude<WorkloadCommand, { type: 'CreateWorkload' | 'DeleteWorkload' | 'RecordTornDown' }>,
  state: WorkloadState,
): WorkloadEvent[] {
  switch (command.type) {
    case 'ChangeWorkload':
      return [...changedSettings(command.changes, state), ...changedFaces(command.faces, state)];
    case 'SetEnv':
      return isSame(command.env, state.env) ? [] : [{ type: 'EnvSet', data: { env: command.env } }];
    case 'UnsetEnv':
      return Object.hasOwn(state.env, command.key) ? [{ type: 'EnvUnset', data: { key: command.key } }] : [];
    case 'SetVolumes': {
      const volumes = normaliseVolumes(command.volumes);
      return isSame(volumes, state.volumes) ? [] : [{ type: 'VolumesSet', data: { volumes } }];
    }
    case 'SetHold':
      return state.hold?.reason === command.reason
        ? []
        : [{ type: 'HoldSet', data: { reason: command.reason, since: command.at } }];
    case 'ReleaseHold':
      return state.hold === null ? [] : [{ type: 'HoldReleased', data: {} }];
    default:
      return decideRunState(command, state);
  }
}

function remove(command: { children: readonly string[] }, state: WorkloadState): WorkloadEvent[] {
  if (state.status === 'deleting') return [];
  if (command.children.length > 0) {
    throw new Rejection(
      'workload-has-children',
      `Workload ${state.name} is the parent of ${command.children.join(', ')}; delete or detach them first.`,
    );
  }
  return [{ type: 'WorkloadDeleted', data: { node: state.node } }];
}

function changedSettings(changes: Partial<WorkloadSettings>, state: WorkloadState): WorkloadEvent[] {
  const differing = Object.entries(changes).filter(
    ([key, value]) => value !== undefined && !isSame(value, state[key as keyof WorkloadSettings]),
  );
  return differing.length === 0 ? [] : [{ type: 'WorkloadChanged', data: Object.fromEntries(differing) }];
}

function changedFaces(faces: readonly Face[] | undefined, state: WorkloadState): WorkloadEvent[] {
  if (faces === undefined) return [];
  const wanted = normaliseFaces(faces);
  return isSame(wanted, state.faces) ? [] : [{ type: 'FacesSet', data: { faces: wanted } }];
}

function without(env: Env, key: string): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== key));
}

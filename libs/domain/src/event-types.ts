import { parseStream } from './decider.js';
import type { BindingEvent } from './binding.js';
import type { DeliveryEvent } from './delivery.js';
import type { DeploymentEvent } from './deployment.js';
import type { NodeEvent } from './node.js';
import type { ObservationEvent } from './observation.js';
import type { PersonEvent } from './person.js';
import type { RegistryEvent } from './registry.js';
import type { RemovalEvent } from './removal.js';
import type { RetentionEvent } from './retention.js';
import type { SettingsEvent } from './settings.js';
import type { TokenEvent } from './token.js';
import type { TriggerEvent } from './trigger.js';
import type { VolumeEvent } from './volume-removal.js';
import type { WorkloadEvent } from './workload.js';

export type AnyEvent =
  | WorkloadEvent
  | TriggerEvent
  | BindingEvent
  | DeliveryEvent
  | DeploymentEvent
  | RegistryEvent
  | PersonEvent
  | TokenEvent
  | SettingsEvent
  | ObservationEvent
  | RemovalEvent
  | NodeEvent
  | RetentionEvent
  | VolumeEvent;
export type EventType = AnyEvent['type'];

/** Which workloads an event concerns: decides who may see it. `ofState` reads the folded state of its stream. */
type Concern = 'stream' | 'state' | 'data' | 'verdicts' | 'nobody';

/** Every event type that this release can read, and its rule of visibility. */
export const EVENT_TYPES: Readonly<Record<EventType, Concern>> = {
  WorkloadCreated: 'stream',
  WorkloadChanged: 'stream',
  FacesSet: 'stream',
  EnvSet: 'stream',
  EnvUnset: 'stream',
  VolumesSet: 'stream',
  HoldSet: 'stream',
  HoldReleased: 'stream',
  WorkloadStopped: 'stream',
  WorkloadStarted: 'stream',
  RunStateReached: 'stream',
  WorkloadStartFailed: 'stream',
  WorkloadDeleted: 'stream',
  WorkloadTornDown: 'stream',
  TriggerCreated: 'nobody',
  TriggerChanged: 'nobody',
  TriggerSecretRotated: 'nobody',
  TriggerDeleted: 'nobody',
  BindingCreated: 'data',
  BindingChanged: 'state',
  CandidateAccepted: 'state',
  TriggerBaselined: 'state',
  BindingRemoved: 'state',
  DeliveryRecorded: 'nobody',
  DeliveryMatched: 'verdicts',
  DeliveryDeferred: 'nobody',
  DeliverySettled: 'nobody',
  DeploymentRequested: 'data',
  DeploymentStarted: 'state',
  DeploymentDeferred: 'state',
  StepStarted: 'state',
  StepCompleted: 'state',
  StepFailed: 'state',
  DeploymentSucceeded: 'state',
  DeploymentFailed: 'state',
  DeploymentCancelRequested: 'state',
  DeploymentCancelled: 'state',
  DeploymentSuperseded: 'state',
  DeploymentSkipped: 'state',
  DeploymentRolledBack: 'state',
  ReleasePinned: 'state',
  ReleaseUnpinned: 'state',
  ReleasePruned: 'state',
  RegistryCreated: 'nobody',
  RegistryChanged: 'nobody',
  RegistryDeleted: 'nobody',
  PersonCreated: 'nobody',
  TokenCreated: 'nobody',
  TokenRevoked: 'nobody',
  SettingsChanged: 'nobody',
  ContainersObserved: 'data',
  DriftObserved: 'data',
  DriftHealed: 'data',
  ContainerCrashed: 'data',
  WatchFailed: 'data',
  StorageExceeded: 'data',
  StorageRecovered: 'data',
  RemovalDeferred: 'nobody',
  RemovalConfirmed: 'nobody',
  RemovalEnded: 'nobody',
  NodeJoined: 'nobody',
  NodeChanged: 'nobody',
  NodeSilent: 'nobody',
  NodeBack: 'nobody',
  NodeForgotten: 'nobody',
  LogPruned: 'nobody',
  VolumeRemovalRequested: 'nobody',
  VolumeRemoved: 'nobody',
  VolumeRemovalRefused: 'nobody',
};

/** The workloads that an event concerns. `state` is the fold of its stream before the event. */
export function workloadIdsOf(
  event: { type: string; data: object },
  stream: string,
  state: unknown,
): readonly string[] {
  switch (EVENT_TYPES[event.type as EventType]) {
    case 'stream':
      return [parseStream(stream).id];
    case 'data':
      return [(event.data as { workloadId: string }).workloadId];
    case 'state':
      return [workloadOfState(state)];
    case 'verdicts':
      return (event.data as { verdicts: { workloadId: string }[] }).verdicts.map((verdict) => verdict.workloadId);
    case 'nobody':
      return [];
    case undefined:
      throw new Error(`event type ${event.type} has no rule for who may see it: add it to EVENT_TYPES`);
  }
}

function workloadOfState(state: unknown): string {
  const { workloadId, request } = state as { workloadId?: string; request?: { workloadId: string } | null };
  return request?.workloadId ?? workloadId ?? '';
}

import type { AggregateName, Decider, DomainEvent } from '#domain/decider';
import { binding } from '#domain/binding';
import { delivery, type BindingVerdict, type DeliveryReceived } from '#domain/delivery';
import { deployment, type DeploymentRequest, type StepFailure } from '#domain/deployment';
import type { AnyEvent, EventType } from '#domain/event-types';
import { node } from '#domain/node';
import { observation, type Crash, type Finding, type Observed } from '#domain/observation';
import { person } from '#domain/person';
import { registry } from '#domain/registry';
import { removal, type Leftover } from '#domain/removal';
import { retention } from '#domain/retention';
import type { SecretRef } from '#domain/secret-ref';
import { settings } from '#domain/settings';
import { token } from '#domain/token';
import { trigger, type UrlSecret } from '#domain/trigger';
import { volumeRemoval } from '#domain/volume-removal';
import { DEFAULT_POLICY, workload } from '#domain/workload';

export const WORKLOAD = '0198c0de-0000-7000-8000-000000000a01';
export const PARENT = '0198c0de-0000-7000-8000-000000000a02';
export const TRIGGER = '0198c0de-0000-7000-8000-000000000b01';
export const BINDING = '0198c0de-0000-7000-8000-000000000c01';
export const DELIVERY = '0198c0de-0000-7000-8000-000000000d01';
export const DEPLOYMENT = '0198c0de-0000-7000-8000-000000000e01';
export const REGISTRY = '0198c0de-0000-7000-8000-000000000f01';
export const DIGEST = `sha256:${'ab'.repeat(32)}`;
export const AT = '2026-03-01T12:00:00.000Z';
export const LATER = '2026-03-01T13:00:00.000Z';

export const place = { node: 'default', name: 'tf-00000a01-data' };

export const secretRef = (secretId: string, version = 1): SecretRef => ({
  secretId,
  version,
  fingerprint: `f-${secretId}-${version}`,
});
export const urlSecret = (n: number): UrlSecret => ({
  hash: String(n).repeat(64).slice(0, 64),
  ref: secretRef('url', n),
});

export const shop = {
  id: WORKLOAD,
  name: 'shop',
  sourceKind: 'image',
  node: 'default',
  title: null,
  stage: null,
  sourceConfig: { image: 'ghcr.io/acme/shop', port: 8080 },
  parentId: null,
  policy: DEFAULT_POLICY,
};

export const request: DeploymentRequest = {
  id: DEPLOYMENT,
  workloadId: WORKLOAD,
  workloadName: 'shop',
  sourceKind: 'image',
  node: 'default',
  reason: 'webhook',
  note: null,
  bindingId: BINDING,
  deliveryId: DELIVERY,
  release: {
    artifact: {
      kind: 'image',
      repository: 'ghcr.io/acme/shop',
      tag: 'v1',
      digest: DIGEST,
    },
    config: { image: 'ghcr.io/acme/shop', port: 8080 },
    faces: [],
    env: {},
  },
};

export const engine = { version: '20.10.24', os: 'linux', arch: 'amd64' };

export const failure: StepFailure = {
  step: 'wait-healthy',
  code: 'unhealthy',
  class: 'permanent',
  message: 'answered 500 for 30 s',
  attempt: 1,
  logOffset: 12,
};

export const received: DeliveryReceived = {
  id: DELIVERY,
  triggerId: TRIGGER,
  triggerKind: 'registry',
  origin: 'webhook',
  vendor: 'distribution',
  events: [
    {
      kind: 'image-push',
      registry: 'ghcr.io',
      repository: 'acme/shop',
      tag: 'v1',
      digest: DIGEST,
    },
  ],
  status: 'accepted',
  reason: null,
  replayOf: null,
};

export const verdictOf = (bindingId: string, verdict: BindingVerdict['verdict'] = 'matched'): BindingVerdict => ({
  bindingId,
  workloadId: WORKLOAD,
  verdict,
  code: verdict === 'matched' ? 'newer' : 'tag-mismatch',
  reason: 'because',
  inputs: {},
  deploymentId: verdict === 'matched' ? DEPLOYMENT : null,
});

const accepted = { tag: 'v1', digest: DIGEST, ref: null, sha: null, createdAt: null };
const hub = {
  name: 'hub',
  host: 'registry.example.org',
  username: 'ci',
  password: secretRef('hub'),
  kind: 'distribution',
  insecure: false,
};

export const observed: Observed = {
  workloadId: WORKLOAD,
  deploymentId: DEPLOYMENT,
  state: 'running',
  detail: '1 of 1 running',
  containers: [{ name: 'tf-shop-1', containerId: 'c1', deploymentId: DEPLOYMENT, state: 'running', health: 'none' }],
};
export const gone: Finding = { kind: 'missing', container: 'tf-shop-1', detail: 'tf-shop-1 is gone' };
export const crash: Crash = {
  workloadId: WORKLOAD,
  deploymentId: DEPLOYMENT,
  container: 'tf-shop-1',
  containerId: 'c1',
  exitCode: 3,
  oomKilled: false,
  restarts: 1,
};
export const leftover: Leftover = { containerId: 'c9', name: 'tf-shop-old-1', workloadId: WORKLOAD };

/** One event of every type there is: the compiler refuses a type that is left out. */
export const SAMPLES: {
  readonly [T in EventType]: Extract<AnyEvent, { type: T }>;
} = {
  WorkloadCreated: { type: 'WorkloadCreated', data: shop },
  WorkloadChanged: { type: 'WorkloadChanged', data: { title: 'The shop' } },
  FacesSet: { type: 'FacesSet', data: { faces: [{ host: 'shop.example.org', path: '/', port: null }] } },
  EnvSet: { type: 'EnvSet', data: { env: { MODE: { value: 'live', optional: false } } } },
  EnvUnset: { type: 'EnvUnset', data: { key: 'MODE' } },
  VolumesSet: {
    type: 'VolumesSet',
    data: { volumes: [{ scope: 'project', source: 'data', target: '/data', readOnly: false }] },
  },
  HoldSet: { type: 'HoldSet', data: { reason: 'rolled back', since: AT } },
  HoldReleased: { type: 'HoldReleased', data: {} },
  WorkloadStopped: { type: 'WorkloadStopped', data: { node: 'default', during: [DEPLOYMENT], reason: null } },
  WorkloadStarted: { type: 'WorkloadStarted', data: { node: 'default', deploymentId: null, reason: 'again' } },
  RunStateReached: { type: 'RunStateReached', data: { runState: 'running' } },
  WorkloadStartFailed: {
    type: 'WorkloadStartFailed',
    data: { step: 'wait-healthy', code: 'not-healthy', message: 'answered 500 for 30 s' },
  },
  WorkloadDeleted: { type: 'WorkloadDeleted', data: { node: 'default' } },
  WorkloadTornDown: { type: 'WorkloadTornDown', data: {} },
  TriggerCreated: {
    type: 'TriggerCreated',
    data: {
      id: TRIGGER,
      kind: 'registry',
      name: 'hub',
      config: {},
      webhookEnabled: true,
      vendor: null,
      signingSecret: null,
      urlSecret: urlSecret(1),
    },
  },
  TriggerChanged: { type: 'TriggerChanged', data: { webhookEnabled: false } },
  TriggerSecretRotated: {
    type: 'TriggerSecretRotated',
    data: { urlSecret: urlSecret(2), previous: urlSecret(1), previousUntil: LATER },
  },
  TriggerDeleted: { type: 'TriggerDeleted', data: {} },
  BindingCreated: {
    type: 'BindingCreated',
    data: { id: BINDING, triggerId: TRIGGER, workloadId: WORKLOAD, override: {}, enabled: true },
  },
  BindingChanged: { type: 'BindingChanged', data: { enabled: false } },
  CandidateAccepted: { type: 'CandidateAccepted', data: { accepted, deliveryId: DELIVERY } },
  TriggerBaselined: { type: 'TriggerBaselined', data: { accepted, deliveryId: DELIVERY } },
  BindingRemoved: { type: 'BindingRemoved', data: {} },
  DeliveryRecorded: { type: 'DeliveryRecorded', data: received },
  DeliveryMatched: { type: 'DeliveryMatched', data: { verdicts: [verdictOf(BINDING)], remaining: 0 } },
  DeliveryDeferred: {
    type: 'DeliveryDeferred',
    data: { code: 'registry-busy', message: '429', attempt: 1, retryAt: LATER },
  },
  DeliverySettled: { type: 'DeliverySettled', data: { bindings: 1 } },
  DeploymentRequested: { type: 'DeploymentRequested', data: request },
  DeploymentStarted: {
    type: 'DeploymentStarted',
    data: { steps: ['pull', 'route', 'retire'], commitStep: 'route', owner: 'worker-1', previousDeploymentId: null },
  },
  DeploymentDeferred: {
    type: 'DeploymentDeferred',
    data: { code: 'registry-busy', message: '429', attempt: 1, retryAt: LATER },
  },
  StepStarted: { type: 'StepStarted', data: { step: 'pull', attempt: 1 } },
  StepCompleted: { type: 'StepCompleted', data: { step: 'pull', facts: { imageId: 'sha256:1' } } },
  StepFailed: { type: 'StepFailed', data: { ...failure, retryAt: null } },
  DeploymentSucceeded: { type: 'DeploymentSucceeded', data: {} },
  DeploymentFailed: { type: 'DeploymentFailed', data: failure },
  DeploymentCancelRequested: { type: 'DeploymentCancelRequested', data: { message: 'asked to', node: 'default' } },
  DeploymentCancelled: { type: 'DeploymentCancelled', data: { message: 'asked to' } },
  DeploymentSuperseded: { type: 'DeploymentSuperseded', data: { by: 'another' } },
  DeploymentSkipped: { type: 'DeploymentSkipped', data: { code: 'held', message: 'the workload is held' } },
  DeploymentRolledBack: { type: 'DeploymentRolledBack', data: { by: 'newer' } },
  ReleasePinned: { type: 'ReleasePinned', data: {} },
  ReleaseUnpinned: { type: 'ReleaseUnpinned', data: {} },
  ReleasePruned: { type: 'ReleasePruned', data: {} },
  RegistryCreated: { type: 'RegistryCreated', data: { id: REGISTRY, ...hub } },
  RegistryChanged: { type: 'RegistryChanged', data: { insecure: true } },
  RegistryDeleted: { type: 'RegistryDeleted', data: {} },
  PersonCreated: { type: 'PersonCreated', data: { id: 'p1', role: 'admin' } },
  TokenCreated: {
    type: 'TokenCreated',
    data: { id: 't1', hash: 'h', prefix: 'tf_abc', name: 'ci', role: 'deployer', workloadIds: null, expiresAt: null },
  },
  TokenRevoked: { type: 'TokenRevoked', data: {} },
  SettingsChanged: { type: 'SettingsChanged', data: { domain: 'apps.example.org' } },
  LogPruned: { type: 'LogPruned', data: { deliveryIds: [DELIVERY], deploymentIds: [DEPLOYMENT] } },
  ContainersObserved: { type: 'ContainersObserved', data: observed },
  DriftObserved: {
    type: 'DriftObserved',
    data: { workloadId: WORKLOAD, deploymentId: DEPLOYMENT, policy: 'heal', findings: [gone], since: AT },
  },
  DriftHealed: {
    type: 'DriftHealed',
    data: { workloadId: WORKLOAD, findings: [gone], since: AT, healedBy: DEPLOYMENT },
  },
  ContainerCrashed: { type: 'ContainerCrashed', data: { ...crash, crashes: 1 } },
  WatchFailed: {
    type: 'WatchFailed',
    data: { workloadId: WORKLOAD, deploymentId: DEPLOYMENT, crashes: 3, seconds: 600, onFailure: 'alert' },
  },
  StorageExceeded: {
    type: 'StorageExceeded',
    data: {
      workloadId: WORKLOAD,
      deploymentId: DEPLOYMENT,
      volume: 'dw-site-docs-1a2b3c4d-data',
      bytes: 2_000_000,
      limitMb: 1,
    },
  },
  StorageRecovered: {
    type: 'StorageRecovered',
    data: {
      workloadId: WORKLOAD,
      deploymentId: DEPLOYMENT,
      volume: 'dw-site-docs-1a2b3c4d-data',
      bytes: 1_000,
      limitMb: 1,
    },
  },
  RemovalDeferred: { type: 'RemovalDeferred', data: { node: 'default', containers: [leftover], total: 7 } },
  RemovalConfirmed: { type: 'RemovalConfirmed', data: { node: 'default', containers: [leftover] } },
  RemovalEnded: { type: 'RemovalEnded', data: { node: 'default' } },
  NodeJoined: { type: 'NodeJoined', data: { node: 'default', engine } },
  NodeChanged: { type: 'NodeChanged', data: { node: 'default', engine: { ...engine, version: '29.0.0' } } },
  NodeSilent: { type: 'NodeSilent', data: { node: 'default', since: AT } },
  NodeBack: { type: 'NodeBack', data: { node: 'default', silentSince: AT } },
  NodeForgotten: { type: 'NodeForgotten', data: { node: 'default' } },
  VolumeRemovalRequested: { type: 'VolumeRemovalRequested', data: { ...place, workloadId: WORKLOAD } },
  VolumeRemoved: { type: 'VolumeRemoved', data: place },
  VolumeRemovalRefused: {
    type: 'VolumeRemovalRefused',
    data: { ...place, code: 'volume-foreign', message: 'Not ours.' },
  },
};

export type AnyDecider = Decider<object, never, DomainEvent>;

/** Every aggregate with the events that its streams hold. */
export const STREAMS: {
  readonly [A in AggregateName]: {
    readonly decider: AnyDecider;
    readonly types: readonly EventType[];
  };
} = {
  workload: {
    decider: workload,
    types: [
      'WorkloadCreated',
      'WorkloadChanged',
      'FacesSet',
      'EnvSet',
      'EnvUnset',
      'VolumesSet',
      'HoldSet',
      'HoldReleased',
      'WorkloadStopped',
      'WorkloadStarted',
      'RunStateReached',
      'WorkloadStartFailed',
      'WorkloadDeleted',
      'WorkloadTornDown',
    ],
  },
  trigger: {
    decider: trigger,
    types: ['TriggerCreated', 'TriggerChanged', 'TriggerSecretRotated', 'TriggerDeleted'],
  },
  binding: {
    decider: binding,
    types: ['BindingCreated', 'BindingChanged', 'CandidateAccepted', 'TriggerBaselined', 'BindingRemoved'],
  },
  delivery: {
    decider: delivery,
    types: ['DeliveryRecorded', 'DeliveryMatched', 'DeliveryDeferred', 'DeliverySettled'],
  },
  deployment: {
    decider: deployment,
    types: [
      'DeploymentRequested',
      'DeploymentStarted',
      'DeploymentDeferred',
      'StepStarted',
      'StepCompleted',
      'StepFailed',
      'DeploymentSucceeded',
      'DeploymentFailed',
      'DeploymentCancelRequested',
      'DeploymentCancelled',
      'DeploymentSuperseded',
      'DeploymentSkipped',
      'DeploymentRolledBack',
      'ReleasePinned',
      'ReleaseUnpinned',
      'ReleasePruned',
    ],
  },
  registry: {
    decider: registry,
    types: ['RegistryCreated', 'RegistryChanged', 'RegistryDeleted'],
  },
  person: {
    decider: person,
    types: ['PersonCreated'],
  },
  token: {
    decider: token,
    types: ['TokenCreated', 'TokenRevoked'],
  },
  settings: {
    decider: settings,
    types: ['SettingsChanged'],
  },
  observation: {
    decider: observation,
    types: [
      'ContainersObserved',
      'DriftObserved',
      'DriftHealed',
      'ContainerCrashed',
      'WatchFailed',
      'StorageExceeded',
      'StorageRecovered',
    ],
  },
  removal: {
    decider: removal,
    types: ['RemovalDeferred', 'RemovalConfirmed', 'RemovalEnded'],
  },
  node: {
    decider: node,
    types: ['NodeJoined', 'NodeChanged', 'NodeSilent', 'NodeBack', 'NodeForgotten'],
  },
  retention: {
    decider: retention,
    types: ['LogPruned'],
  },
  volume: {
    decider: volumeRemoval,
    types: ['VolumeRemovalRequested', 'VolumeRemoved', 'VolumeRemovalRefused'],
  },
};

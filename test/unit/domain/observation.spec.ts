import { describe, it } from 'vitest';
import { observation, type ObservationCommand } from '#domain/observation';
import { removal } from '#domain/removal';
import { given } from '../../support/spec.js';
import { AT, crash, DEPLOYMENT, gone, LATER, leftover, observed, SAMPLES, WORKLOAD } from './samples.js';

const record = (
  more: Partial<Extract<ObservationCommand, { type: 'RecordObservation' }>> = {},
): ObservationCommand => ({
  type: 'RecordObservation',
  observed,
  findings: [],
  policy: 'heal',
  healedBy: null,
  at: AT,
  ...more,
});

describe('an observation', () => {
  it('is told when it differs from the last one', () => {
    given(observation, []).when(record()).then([SAMPLES.ContainersObserved]);
    given(observation, [SAMPLES.ContainersObserved]).when(record()).then([]);
    const stopped = { ...observed, state: 'missing' as const };
    given(observation, [SAMPLES.ContainersObserved])
      .when(record({ observed: stopped }))
      .then([{ type: 'ContainersObserved', data: stopped }]);
  });

  it('is not told for other words, or for the moment between two restarts', () => {
    const restarting = observed.containers.map((each) => ({ ...each, state: 'restarting' }));
    given(observation, [SAMPLES.ContainersObserved])
      .when(record({ observed: { ...observed, detail: 'other', containers: restarting } }))
      .then([]);
  });

  it('of drift is told once, again when it is another one, and when it is gone', () => {
    const before = [SAMPLES.ContainersObserved, SAMPLES.DriftObserved];
    given(observation, [SAMPLES.ContainersObserved])
      .when(record({ findings: [gone] }))
      .then([SAMPLES.DriftObserved]);
    given(observation, before)
      .when(record({ findings: [{ ...gone, detail: 'in other words' }] }))
      .then([]);
    const more = [gone, { ...gone, kind: 'extra' as const, container: 'tf-shop-2' }];
    given(observation, before)
      .when(record({ findings: more, at: LATER }))
      .then([{ type: 'DriftObserved', data: { ...SAMPLES.DriftObserved.data, findings: more, since: AT } }]);
    given(observation, before)
      .when(record({ healedBy: DEPLOYMENT }))
      .then([SAMPLES.DriftHealed]);
    given(observation, [...before, SAMPLES.DriftHealed])
      .when(record({ healedBy: DEPLOYMENT }))
      .then([]);
  });

  it('of crashes counts as the engine does', () => {
    const crashed = (restarts: number): ObservationCommand => ({ type: 'RecordCrash', crash: { ...crash, restarts } });
    given(observation, []).when(crashed(1)).then([SAMPLES.ContainerCrashed]);
    given(observation, [SAMPLES.ContainerCrashed]).when(crashed(1)).then([]);
    given(observation, [SAMPLES.ContainerCrashed])
      .when(crashed(4))
      .then([{ type: 'ContainerCrashed', data: { ...crash, restarts: 4, crashes: 3 } }]);
    const many = { type: 'ContainerCrashed' as const, data: { ...crash, restarts: 4, crashes: 3 } };
    given(observation, [many]).when(crashed(1)).then([SAMPLES.ContainerCrashed]);
  });

  it('of a volume past its limit is told once, and that it is below it again', () => {
    const record = (isOver: boolean) => ({
      type: 'RecordStorage' as const,
      storage: SAMPLES.StorageExceeded.data,
      isOver,
    });
    given(observation, []).when(record(false)).then([]);
    given(observation, []).when(record(true)).then([SAMPLES.StorageExceeded]);
    given(observation, [SAMPLES.StorageExceeded]).when(record(true)).then([]);
    given(observation, [SAMPLES.StorageExceeded])
      .when({ ...record(false), storage: SAMPLES.StorageRecovered.data })
      .then([SAMPLES.StorageRecovered]);
  });

  it('of a failed watch window is told once per deployment', () => {
    const fail = { ...SAMPLES.WatchFailed.data, type: 'FailWatch' } as const;
    given(observation, []).when(fail).then([SAMPLES.WatchFailed]);
    given(observation, [SAMPLES.WatchFailed]).when(fail).then([]);
    given(observation, [SAMPLES.WatchFailed])
      .when({ ...fail, deploymentId: WORKLOAD })
      .then([{ type: 'WatchFailed', data: { ...SAMPLES.WatchFailed.data, deploymentId: WORKLOAD } }]);
  });
});

describe('a removal of many', () => {
  const hold = { type: 'HoldRemoval', node: 'default', containers: [leftover], total: 7 } as const;
  const confirm = { type: 'ConfirmRemoval', node: 'default' } as const;
  const end = { type: 'EndRemoval', node: 'default' } as const;

  it('is held, confirmed and ended', () => {
    given(removal, []).when(hold).then([SAMPLES.RemovalDeferred]);
    given(removal, [SAMPLES.RemovalDeferred]).when(confirm).then([SAMPLES.RemovalConfirmed]);
    given(removal, [SAMPLES.RemovalDeferred, SAMPLES.RemovalConfirmed]).when(end).then([SAMPLES.RemovalEnded]);
  });

  it('is asked about once, and anew when it is another one', () => {
    given(removal, [SAMPLES.RemovalDeferred]).when(hold).then([]);
    given(removal, [SAMPLES.RemovalDeferred, SAMPLES.RemovalConfirmed]).when(hold).then([]);
    const other = { ...hold, containers: [{ ...leftover, containerId: 'c8' }] };
    given(removal, [SAMPLES.RemovalDeferred, SAMPLES.RemovalConfirmed]).when(other).state({ status: 'held' });
  });

  it('is confirmed only where one waits', () => {
    given(removal, []).when(confirm).rejects('nothing-to-confirm');
    given(removal, [SAMPLES.RemovalDeferred, SAMPLES.RemovalConfirmed]).when(confirm).then([]);
    given(removal, []).when(end).then([]);
  });
});

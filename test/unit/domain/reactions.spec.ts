import { describe, expect, it } from 'vitest';
import { streamOf, type AggregateName } from '#domain/decider';
import type { RecordedEvent } from '#domain/event';
import type { EventType } from '#domain/event-types';
import { REACTIONS, reactionTo } from '#domain/reactions';
import { DELIVERY, DEPLOYMENT, SAMPLES, STREAMS, WORKLOAD, received } from './samples.js';

describe('what happens after an event', () => {
  it('a recorded delivery is fanned out, on any node', () => {
    expect(reactionTo(recorded('DeliveryRecorded', DELIVERY))).toEqual({
      name: 'fan-out',
      subjectId: DELIVERY,
      node: null,
    });
  });

  it.each(['ignored', 'ping', 'disabled', 'no-binding', 'dead-letter'] as const)(
    'a delivery that is %s asks for nothing',
    (status) => {
      expect(
        reactionTo({
          ...recorded('DeliveryRecorded', DELIVERY),
          data: { ...received, status },
        }),
      ).toBeNull();
    },
  );

  it('a requested deployment is deployed, on its node', () => {
    expect(reactionTo(recorded('DeploymentRequested', DEPLOYMENT))).toEqual({
      name: 'deploy',
      subjectId: DEPLOYMENT,
      node: 'default',
    });
  });

  it('a deleted workload is torn down, on its node', () => {
    expect(reactionTo(recorded('WorkloadDeleted', WORKLOAD))).toEqual({
      name: 'teardown',
      subjectId: WORKLOAD,
      node: 'default',
    });
  });

  it('a workload started by its deployment asks for nothing more', () => {
    const started = recorded('WorkloadStarted', WORKLOAD);
    expect(reactionTo(started)).toMatchObject({ name: 'run-state', subjectId: WORKLOAD, node: 'default' });
    expect(reactionTo({ ...started, data: { ...started.data, deploymentId: DEPLOYMENT } })).toBeNull();
  });

  it('nothing else asks for anything', () => {
    const asking = Object.keys(SAMPLES).filter((type) => reactionTo(recorded(type as EventType, 'x')) !== null);
    expect(asking.sort()).toEqual([
      'DeliveryRecorded',
      'DeploymentCancelRequested',
      'DeploymentRequested',
      'VolumeRemovalRequested',
      'WorkloadDeleted',
      'WorkloadStarted',
      'WorkloadStopped',
    ]);
  });

  it('an event of a newer release asks for nothing that this one knows', () => {
    expect(reactionTo({ ...recorded('HoldSet', WORKLOAD), type: 'SomethingNewer' })).toBeNull();
  });

  it('every reaction has an event that asks for it', () => {
    const names = Object.keys(SAMPLES).map((type) => reactionTo(recorded(type as EventType, 'x'))?.name);
    expect(new Set(names.filter(Boolean))).toEqual(new Set(REACTIONS));
  });
});

function recorded(type: EventType, id: string): RecordedEvent {
  const owner = Object.entries(STREAMS).find(([, { types }]) => types.includes(type))![0] as AggregateName;
  return {
    id: '1',
    stream: streamOf(owner, id),
    version: 1,
    type,
    schemaVersion: 1,
    data: SAMPLES[type].data as Record<string, unknown>,
    metadata: {
      actor: 'system:test',
      causationId: null,
      correlationId: 'c',
      workloadIds: [],
      epoch: null,
    },
    occurredAt: '2026-03-01T12:00:00.000Z',
  };
}

import { describe, expect, it } from 'vitest';
import { binding } from '#domain/binding';
import { streamOf, type AggregateName } from '#domain/decider';
import { deployment } from '#domain/deployment';
import { workloadIdsOf, type EventType } from '#domain/event-types';
import { fold } from '../../support/spec.js';
import { BINDING, DELIVERY, DEPLOYMENT, SAMPLES, STREAMS, WORKLOAD, verdictOf } from './samples.js';

const boundState = fold(binding, [SAMPLES.BindingCreated]);
const requestedState = fold(deployment, [SAMPLES.DeploymentRequested]);

describe('who may see an event', () => {
  it.each(typesOf('workload'))('%s: whoever sees the workload', (type) => {
    expect(workloadIdsOf(SAMPLES[type], streamOf('workload', WORKLOAD), {})).toEqual([WORKLOAD]);
  });

  it.each(typesOf('binding'))('%s: whoever sees the bound workload', (type) => {
    const before = type === 'BindingCreated' ? binding.initial : boundState;
    expect(workloadIdsOf(SAMPLES[type], streamOf('binding', BINDING), before)).toEqual([WORKLOAD]);
  });

  it.each(typesOf('deployment'))('%s: whoever sees the workload it deploys', (type) => {
    const before = type === 'DeploymentRequested' ? deployment.initial : requestedState;
    expect(workloadIdsOf(SAMPLES[type], streamOf('deployment', DEPLOYMENT), before)).toEqual([WORKLOAD]);
  });

  it.each(typesOf('observation'))('%s: whoever sees the workload it was seen of', (type) => {
    expect(workloadIdsOf(SAMPLES[type], streamOf('observation', WORKLOAD), {})).toEqual([WORKLOAD]);
  });

  it('DeliveryMatched: whoever sees one of the judged workloads', () => {
    const event = {
      type: 'DeliveryMatched',
      data: {
        verdicts: [verdictOf('b1'), { ...verdictOf('b2'), workloadId: 'other' }],
        remaining: 0,
      },
    };
    expect(workloadIdsOf(event, streamOf('delivery', DELIVERY), {})).toEqual([WORKLOAD, 'other']);
  });

  it.each([
    ...typesOf('trigger'),
    ...typesOf('registry'),
    ...typesOf('person'),
    ...typesOf('token'),
    ...typesOf('settings'),
    ...typesOf('removal'),
    ...typesOf('node'),
    ...typesOf('retention'),
    ...typesOf('volume'),
  ])('%s: concerns no single workload', (type) => expect(workloadIdsOf(SAMPLES[type], 'any-stream', {})).toEqual([]));

  it('an event type without a rule is refused before it is written', () => {
    expect(() => workloadIdsOf({ type: 'SomethingNewer', data: {} }, 'workload-1', {})).toThrow(/EVENT_TYPES/);
  });
});

function typesOf(aggregate: AggregateName): readonly EventType[] {
  return STREAMS[aggregate].types;
}

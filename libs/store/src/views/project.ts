import { parseStream } from '#domain/decider';
import type { RecordedEvent } from '#domain/event';
import type { AnyEvent } from '#domain/event-types';
import type { Statement } from '../statement.js';
import { projectBinding } from './binding.project.js';
import { projectDelivery } from './delivery.project.js';
import { projectDeployment } from './deployment.project.js';
import { projectNode } from './node.project.js';
import { projectObservation, projectRemoval } from './observation.project.js';
import { projectPerson, projectRegistry, projectSettings, projectToken } from './record.project.js';
import { projectRetention } from './retention.project.js';
import { projectTrigger } from './trigger.project.js';
import { projectVolume } from './volume.project.js';
import { projectWorkload } from './workload.project.js';

/** An event that is being written (it has no id yet) or replayed. */
export type Written = Omit<RecordedEvent, 'id'>;

/** The subject of an event, told apart by its type. */
export type Projected<E extends AnyEvent> = {
  readonly id: string;
  readonly at: string;
  readonly version: number;
  readonly correlationId: string;
} & E;

/** The view statements of one event: the same when it is written and when it is replayed. */
export function project(event: Written): readonly Statement[] {
  const { aggregate, id } = parseStream(event.stream);
  const { type, data, version, occurredAt, metadata } = event;
  const projected = { id, type, data, version, at: occurredAt, correlationId: metadata.correlationId } as never;
  switch (aggregate) {
    case 'workload':
      return projectWorkload(projected);
    case 'trigger':
      return projectTrigger(projected);
    case 'binding':
      return projectBinding(projected);
    case 'delivery':
      return projectDelivery(projected);
    case 'deployment':
      return projectDeployment(projected);
    case 'registry':
      return projectRegistry(projected);
    case 'person':
      return projectPerson(projected);
    case 'token':
      return projectToken(projected);
    case 'settings':
      return projectSettings(projected);
    case 'observation':
      return projectObservation(projected);
    case 'removal':
      return projectRemoval(projected);
    case 'node':
      return projectNode(projected);
    case 'retention':
      return projectRetention(projected);
    case 'volume':
      return projectVolume(projected);
  }
}

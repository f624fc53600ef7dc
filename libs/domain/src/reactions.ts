import { parseStream } from './decider.js';
import type { RecordedEvent } from './event.js';

/** The things that workers do because something happened. */
export const REACTIONS = ['fan-out', 'deploy', 'run-state', 'teardown', 'remove-volume'] as const;
export type ReactionName = (typeof REACTIONS)[number];

/** A hint for a worker: look at this subject. Everything else it reads from the log. */
export interface Reaction {
  readonly name: ReactionName;
  readonly subjectId: string;
  /** Null = any node. */
  readonly node: string | null;
}

/**
 * "What happens after X?": event type → job. The whole answer; nothing else enqueues, but for the sweep,
 * which repeats these.
 */
const REACTION_TO: Readonly<Record<string, (event: RecordedEvent) => Reaction | null>> = {
  DeliveryRecorded: (event) =>
    event.data.status === 'accepted' ? { name: 'fan-out', subjectId: subject(event), node: null } : null,
  DeploymentRequested: (event) => ({ name: 'deploy', subjectId: subject(event), node: String(event.data.node) }),
  DeploymentCancelRequested: (event) => ({
    name: 'deploy',
    subjectId: subject(event),
    node: String(event.data.node),
  }),
  WorkloadStopped: (event) => ({ name: 'run-state', subjectId: subject(event), node: String(event.data.node) }),
  WorkloadStarted: (event) =>
    event.data.deploymentId === null
      ? { name: 'run-state', subjectId: subject(event), node: String(event.data.node) }
      : null,
  WorkloadDeleted: (event) => ({ name: 'teardown', subjectId: subject(event), node: String(event.data.node) }),
  VolumeRemovalRequested: (event) => ({
    name: 'remove-volume',
    subjectId: subject(event),
    node: String(event.data.node),
  }),
};

export function reactionTo(event: RecordedEvent): Reaction | null {
  return REACTION_TO[event.type]?.(event) ?? null;
}

function subject(event: RecordedEvent): string {
  return parseStream(event.stream).id;
}

import type { RecordedEvent } from '#domain/event';
import { reactionTo } from '#domain/reactions';
import type { Queues } from './queues.js';

/** Puts in what the events of a commit ask for. Out of the caller's way: what gets lost here, the sweep finds. */
export function enqueueReactions(queues: Pick<Queues, 'add'>, events: readonly RecordedEvent[]): void {
  for (const event of events) {
    const reaction = reactionTo(event);
    if (reaction !== null) queues.add(reaction, event.id, 0);
  }
}

import { streamOf, type Decider, type DomainEvent } from '#domain/decider';
import type { Folded } from './streams.js';

export type AnyDecider = Decider<unknown, unknown, DomainEvent>;

/** A command to one stream. Made by {@link on} or {@link onNew}, which check the command against its decider. */
export interface Operation {
  readonly decider: AnyDecider;
  readonly id: string;
  readonly command: unknown;
  /** The stream is new: it is not loaded. Should it exist after all, it is loaded and decided again. */
  readonly isNew?: boolean;
  /** The version that the caller saw (If-Match). */
  readonly expectedVersion?: number;
  /** What the caller, holding the lease, knows the stream to be: it is not loaded. */
  readonly known?: Folded<unknown>;
}

export function on<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, id: string, command: C): Operation {
  return { decider, id, command };
}

export function onNew<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, id: string, command: C): Operation {
  return { ...on(decider, id, command), isNew: true };
}

export function streamOfOperation({ decider, id }: Operation): string {
  return streamOf(decider.name, id);
}

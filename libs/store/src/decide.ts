import type { Reads } from '#domain/decider';
import type { NewEvent } from './append.js';
import { PreconditionFailed } from './errors.js';
import type { Model } from './model.js';
import { streamOfOperation, type Operation } from './operation.js';
import type { Folded } from './streams.js';

/** Who does it, and what made them. */
export interface Cause {
  /** Id of the person or token, or `system:<process verb>`. */
  readonly actor: string;
  readonly correlationId: string;
  readonly causationId?: string | null;
  /** Epoch of the lease that is held for it. */
  readonly epoch?: number | null;
  /** ISO 8601; now unless told. */
  readonly occurredAt?: string;
}

export interface Decided {
  readonly events: readonly NewEvent[];
  /** Stream → its fold after these events. */
  readonly folds: ReadonlyMap<string, Folded<unknown>>;
}

export interface Situation {
  readonly cause: Cause;
  readonly reads: Reads;
  /** Stream → its fold now; a stream that is left out is new. */
  readonly loaded: ReadonlyMap<string, Folded<unknown>>;
}

/** Decides the operations in the order given; a later one sees what the earlier ones made of its stream. */
export function decideAll(operations: readonly Operation[], situation: Situation, model: Model): Decided {
  const folds = new Map(situation.loaded);
  const occurredAt = situation.cause.occurredAt ?? new Date().toISOString();
  const events = operations.flatMap((operation) => {
    const stream = streamOfOperation(operation);
    const before = folds.get(stream) ?? { state: operation.decider.initial, version: 0 };
    assertExpected(operation, situation.loaded.get(stream)?.version ?? 0);
    let { state, version } = before;
    const decided = operation.decider.decide(operation.command, state, situation.reads).map(({ type, data }) => {
      const metadata = metadataOf(situation.cause, model.workloadIdsOf({ type, data }, stream, state));
      state = operation.decider.evolve(state, { type, data });
      version += 1;
      const schemaVersion = model.eventTypes.get(type);
      if (schemaVersion === undefined)
        throw new Error(`${operation.decider.name} decided ${type}, which is no known event type`);
      return { stream, version, type, schemaVersion, data: { ...data }, metadata, occurredAt };
    });
    folds.set(stream, { state, version });
    return decided;
  });
  return { events, folds };
}

function assertExpected({ expectedVersion, ...operation }: Operation, version: number): void {
  if (expectedVersion === undefined || expectedVersion === version) return;
  throw new PreconditionFailed(streamOfOperation(operation), expectedVersion, version);
}

function metadataOf({ actor, correlationId, causationId = null, epoch = null }: Cause, workloadIds: readonly string[]) {
  return { actor, causationId, correlationId, workloadIds, epoch };
}

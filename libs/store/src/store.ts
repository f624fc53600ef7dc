import type { Pool } from 'pg';
import type { RecordedEvent } from '#domain/event';
import { appendBatch, type BatchItem, type BatchOutcome } from './batch.js';
import { createCommit, type Commit } from './commit.js';
import { decideAll, type Cause } from './decide.js';
import { DOMAIN_MODEL } from './domain-model.js';
import { createLeases, type Leases } from './lease.js';
import type { Model } from './model.js';
import type { Operation } from './operation.js';
import { createPool } from './pool.js';
import { createStreams, type Streams } from './streams.js';

export { DOMAIN_MODEL };

export interface StoreOptions {
  readonly databaseUrl: string;
  /** Connections; 10 unless told. */
  readonly maxConnections?: number;
  readonly applicationName?: string;
  /** The domain's unless told: tests bring their own. */
  readonly model?: Model;
}

export interface Store extends Streams {
  readonly commit: Commit;
  /** Decides for new streams without writing: an item for {@link appendBatch}. */
  propose(operations: readonly Operation[], cause: Cause): BatchItem;
  appendBatch(items: readonly BatchItem[]): Promise<BatchOutcome[]>;
  /** Called with every commit of this process, after it. Returns how to stop being called. */
  onCommitted(listener: (events: readonly RecordedEvent[]) => void): () => void;
  readonly leases: Leases;
  /** For statements on the `state` schema and reads; events go through `commit`. */
  readonly pool: Pool;
  readonly model: Model;
  close(): Promise<void>;
}

export function createStore({
  databaseUrl,
  maxConnections,
  applicationName,
  model = DOMAIN_MODEL,
}: StoreOptions): Store {
  const pool = createPool({ databaseUrl, max: maxConnections, applicationName });
  const listeners = new Set<(events: readonly RecordedEvent[]) => void>();
  const onCommitted = (events: readonly RecordedEvent[]) => listeners.forEach((listener) => listener(events));
  return {
    ...createStreams(pool, model),
    commit: createCommit({ pool, model, onCommitted }),
    propose(operations, cause) {
      const { events } = decideAll(operations, { cause, reads: {}, loaded: new Map() }, model);
      return { events, statements: events.flatMap((event) => model.project(event)) };
    },
    appendBatch: (items) => appendBatch({ pool, onCommitted }, items),
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    leases: createLeases(pool),
    pool,
    model,
    close: () => pool.end(),
  };
}

import type { EventMetadata, RecordedEvent } from '#domain/event';
import type { Result } from './pipeline.js';
import type { Statement } from './statement.js';

/** An event that was decided and has its version, but no id yet: the database gives that last of all. */
export type NewEvent = Omit<RecordedEvent, 'id'>;

/** Columns of log.event as {@link recorded} reads them. */
export const EVENT_COLUMNS = 'e.id, e.stream, e.version, e.type, e.schema_version, e.body, e.metadata, e.occurred_at';

/** All events of a transaction in one statement. It is the last before COMMIT: an id is taken after every lock. */
export function appendStatement(events: readonly NewEvent[]): Statement {
  return {
    text: `with appended as (
      insert into log.event (stream, version, type, schema_version, body, metadata, occurred_at)
        select stream, version, type, schema_version, body, metadata, occurred_at
        from unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::text[], $6::jsonb[], $7::timestamptz[])
          with ordinality e (stream, version, type, schema_version, body, metadata, occurred_at, ord)
        order by ord
        returning id
    ), queued as (insert into log.unsequenced (event_id) select id from appended)
    select id from appended order by id`,
    values: [
      events.map((event) => event.stream),
      events.map((event) => event.version),
      events.map((event) => event.type),
      events.map((event) => event.schemaVersion),
      events.map((event) => JSON.stringify(event.data)),
      events.map((event) => JSON.stringify(event.metadata)),
      events.map((event) => event.occurredAt),
    ],
  };
}

/** The events with the ids that {@link appendStatement} got for them. */
export function withIds(events: readonly NewEvent[], appended: Result): RecordedEvent[] {
  return events.map((event, index) => ({ ...event, id: String(appended.rows[index]?.id) }));
}

export interface EventRow {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly schema_version: number;
  readonly body: string;
  readonly metadata: EventMetadata;
  readonly occurred_at: Date;
}

export function recorded(row: EventRow): RecordedEvent {
  return {
    id: row.id,
    stream: row.stream,
    version: row.version,
    type: row.type,
    schemaVersion: row.schema_version,
    data: JSON.parse(row.body) as Record<string, unknown>,
    metadata: row.metadata,
    occurredAt: row.occurred_at.toISOString(),
  };
}

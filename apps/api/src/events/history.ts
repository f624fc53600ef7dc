import type { DataSource } from 'typeorm';
import type { EventMetadata } from '#domain/event';
import { cut, readCursor, type Page, type PageQuery } from '../http/page.js';
import type { EventAnswer, EventsQuery } from './event.dto.js';

export interface EventRow {
  readonly position: string | null;
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly metadata: EventMetadata;
  readonly occurred_at: Date;
}

const COLUMNS = 'p.position, e.id, e.stream, e.version, e.type, e.data, e.metadata, e.occurred_at';
const POSITION = /^\d{1,18}$/;

/** Numbered events in their order. `scope` null = of every workload. */
export async function listEvents(
  reads: DataSource,
  query: EventsQuery,
  scope: readonly string[] | null,
): Promise<Page<EventAnswer>> {
  const { limit, cursor, after = '0', stream = null, type = null, correlationId = null } = query;
  const rows: EventRow[] = await reads.query(
    `select ${COLUMNS} from log.position p join log.event e on e.id = p.event_id
      where p.position > $1 and ($2::text is null or e.stream = $2) and ($3::text is null or e.type = $3)
        and ($4::text is null or e.metadata->>'correlationId' = $4)
        and ($5::text[] is null or e.metadata->'workloadIds' ?| $5)
      order by p.position limit $6`,
    [readCursor(cursor, POSITION) ?? after, stream, type, correlationId, scope, limit + 1],
  );
  const page = cut(rows, limit, (row) => row.position!);
  return { ...page, items: page.items.map(eventAnswer) };
}

/** Some streams together, newest first. */
export async function historyOf(
  reads: DataSource,
  streams: readonly string[],
  { limit, cursor }: PageQuery,
): Promise<Page<EventAnswer>> {
  const rows: EventRow[] = await reads.query(
    `select ${COLUMNS} from log.event e left join log.position p on p.event_id = e.id
      where e.stream = any($1::text[]) and ($2::bigint is null or e.id < $2) order by e.id desc limit $3`,
    [streams, readCursor(cursor, POSITION), limit + 1],
  );
  const page = cut(rows, limit, (row) => row.id);
  return { ...page, items: page.items.map(eventAnswer) };
}

export function eventAnswer({ metadata, occurred_at, data, ...row }: EventRow): EventAnswer {
  const { actor, causationId, correlationId, workloadIds } = metadata;
  return {
    ...row,
    data: withoutHashes(data),
    actor,
    causationId,
    correlationId,
    workloadIds,
    occurredAt: occurred_at.toISOString(),
  };
}

/** A hash of a token or URL secret is of use to nobody who reads. */
function withoutHashes(value: Record<string, unknown>): Record<string, unknown> {
  const shown = Object.entries(value).filter(([key]) => key !== 'hash');
  return Object.fromEntries(
    shown.map(([key, inner]) => {
      const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
      return [key, isObject ? withoutHashes(inner as Record<string, unknown>) : inner];
    }),
  );
}

import type { Pool } from 'pg';
import { streamOf, type Decider, type DomainEvent } from '#domain/decider';
import type { RecordedEvent } from '#domain/event';
import { EVENT_COLUMNS, recorded, type EventRow } from './append.js';
import { NewerVersion } from './errors.js';
import type { Model } from './model.js';
import type { Statement } from './statement.js';

export interface Folded<S> {
  readonly state: S;
  /** 0 = there is no such stream. */
  readonly version: number;
}

export interface StreamRange {
  readonly fromVersion?: number;
  readonly toVersion?: number;
  /** Only what had happened at this instant. ISO 8601. */
  readonly at?: string;
}

export interface Streams {
  /** The fold of a stream. Throws {@link NewerVersion} when it holds an event that this release cannot read. */
  load<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, id: string, range?: StreamRange): Promise<Folded<S>>;
  /** A stream's events by version. Unknown types are passed on. */
  readStream(stream: string, range?: StreamRange): Promise<readonly RecordedEvent[]>;
  /** Numbered events after a position, at most `limit`. */
  readLog(after: string, limit: number): Promise<readonly PositionedEvent[]>;
  /** The position of the newest numbered event; '0' for an empty log. */
  headPosition(): Promise<string>;
}

export interface PositionedEvent extends RecordedEvent {
  readonly position: string;
}

export function createStreams(pool: Pool, model: Model): Streams {
  return {
    async load<S, C, E extends DomainEvent>(
      decider: Decider<S, C, E>,
      id: string,
      range: StreamRange = {},
    ): Promise<Folded<S>> {
      const events = await readStream(pool, streamOf(decider.name, id), range);
      return fold(decider, events, model);
    },
    readStream: async (stream, range = {}) =>
      (await readStream(pool, stream, range)).map((event) => (isKnown(event, model) ? current(event, model) : event)),
    readLog: async (after, limit) =>
      (await readLog(pool, after, limit)).map((event) => ({ ...event, ...current(event, model) })),
    async headPosition() {
      const { rows } = await pool.query<{ head: string }>(
        'select coalesce(max(position), 0) as head from log.position',
      );
      return rows[0]?.head ?? '0';
    },
  };
}

/** The events of several streams, by stream and version. */
export function selectStreams(streams: readonly string[]): Statement {
  return {
    text: `select ${EVENT_COLUMNS} from log.event e where stream = any ($1::text[]) order by stream, version`,
    values: [streams],
  };
}

export function fold<S, C, E extends DomainEvent>(
  decider: Decider<S, C, E>,
  events: readonly RecordedEvent[],
  model: Model,
): Folded<S> {
  let state = decider.initial;
  for (const event of events) {
    if (!isKnown(event, model)) throw new NewerVersion(event.stream, event.type);
    state = decider.evolve(state, current(event, model) as unknown as E);
  }
  return { state, version: events.at(-1)?.version ?? 0 };
}

export function current(event: RecordedEvent, model: Model): RecordedEvent {
  return model.upcast && isKnown(event, model) ? model.upcast(event) : event;
}

function isKnown(event: RecordedEvent, model: Model): boolean {
  return event.schemaVersion <= (model.eventTypes.get(event.type) ?? 0);
}

async function readStream(pool: Pool, stream: string, range: StreamRange): Promise<RecordedEvent[]> {
  const { rows } = await pool.query<EventRow>({
    name: 'read-stream',
    text: `select ${EVENT_COLUMNS} from log.event e where stream = $1 and version between $2 and $3
      and ($4::timestamptz is null or occurred_at <= $4) order by version`,
    values: [stream, range.fromVersion ?? 1, range.toVersion ?? 2_147_483_647, range.at ?? null],
  });
  return rows.map(recorded);
}

async function readLog(pool: Pool, after: string, limit: number): Promise<PositionedEvent[]> {
  const { rows } = await pool.query<EventRow & { position: string }>({
    name: 'read-log',
    text: `select p.position, ${EVENT_COLUMNS} from log.position p join log.event e on e.id = p.event_id
      where p.position > $1 order by p.position limit $2`,
    values: [after, limit],
  });
  return rows.map((row) => ({ ...recorded(row), position: row.position }));
}

import type { Client } from 'pg';
import { EVENT_COLUMNS, recorded, type EventRow } from './append.js';
import { NewerVersion } from './errors.js';
import { viewMark } from './migrate.js';
import type { Model } from './model.js';
import { pipelined } from './pipeline.js';
import type { Statement } from './statement.js';
import { current } from './streams.js';

export interface Replay {
  readonly client: Client;
  readonly model: Model;
  /** The schema to build in, instead of `view`. */
  readonly schema: string;
}

/** Events per round trip. */
const CHUNK = 500;

/** An empty schema of that name with the tables of the views. */
export async function drawViews({ client, schema }: Replay, viewDdl: string): Promise<void> {
  const mark = client.escapeLiteral(viewMark(viewDdl));
  await client.query(`begin; drop schema if exists ${schema} cascade; create schema ${schema};
    ${inSchema(viewDdl, schema)}; comment on schema ${schema} is ${mark}; commit`);
}

/** Projects the events after one id up to another into the schema, by id. Returns how many there were. */
export async function replay(
  { client, model, schema }: Replay,
  range: { after: string; upTo: string },
): Promise<number> {
  let after = range.after;
  let count = 0;
  for (;;) {
    const { rows } = await client.query<EventRow>(
      `select ${EVENT_COLUMNS} from log.event e where id > $1 and id <= $2 order by id limit ${CHUNK}`,
      [after, range.upTo],
    );
    const last = rows.at(-1);
    if (!last) return count;
    await pipelined(
      client,
      rows.flatMap((row) => statementsOf(row, model, schema)),
    );
    after = last.id;
    count += rows.length;
  }
}

function statementsOf(row: EventRow, model: Model, schema: string): Statement[] {
  const event = current(recorded(row), model);
  if (event.schemaVersion > (model.eventTypes.get(event.type) ?? 0)) throw new NewerVersion(event.stream, event.type);
  return model.project(event).map(({ text, values }) => ({ text: inSchema(text, schema), values }));
}

function inSchema(sql: string, schema: string): string {
  return sql.replace(/\bview\./g, `${schema}.`);
}

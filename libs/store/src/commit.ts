import type { Pool } from 'pg';
import type { ReadRow, Reads } from '#domain/decider';
import type { RecordedEvent } from '#domain/event';
import { appendStatement, recorded, withIds, type EventRow, type NewEvent } from './append.js';
import { decideAll, type Cause, type Decided } from './decide.js';
import { Conflict } from './errors.js';
import { refusalOf, translated } from './refusal.js';
import type { LeaseClaim } from './lease.js';
import { mergeRows } from './merge-rows.js';
import type { Model } from './model.js';
import { streamOfOperation, type Operation } from './operation.js';
import { inTransaction, pipelined, withClient } from './pipeline.js';
import type { Statement } from './statement.js';
import { fold, selectStreams, type Folded } from './streams.js';

/** A view row that a decision relies on. */
export interface ReadQuery {
  readonly table: `view.${string}`;
  readonly id: string;
}

export interface CommitContext extends Cause {
  /** Rows of other streams, by the name that the decider knows them by. Locked while the decision is written. */
  readonly reads?: Readonly<Record<string, ReadQuery>>;
  /** Written only while this lease is held; its epoch goes into the events. */
  readonly lease?: { readonly subject: string; readonly epoch: number };
  /** Takes a free lease in the same transaction; its epoch goes into the events. */
  readonly claim?: LeaseClaim;
  /** Rows of the `state` schema that go with it. A function is asked once it is known what was decided. */
  readonly extra?: readonly Statement[] | ((events: readonly NewEvent[]) => readonly Statement[]);
}

export interface CommitResult {
  readonly events: readonly RecordedEvent[];
  /** Stream → its state and version afterwards. */
  readonly folds: ReadonlyMap<string, Folded<unknown>>;
}

/**
 * The one write path: load, decide, then views and events in one transaction. All or nothing.
 * Throws what the deciders throw (Rejection), `Conflict`, `PreconditionFailed`, `LeaseLost`, `NewerVersion`, a
 * Rejection for the rule of a named constraint, and `RetryableError` when the database could not answer: whether it
 * was stored is then unknown.
 */
export type Commit = (operations: readonly Operation[], context: CommitContext) => Promise<CommitResult>;

export interface CommitDeps {
  readonly pool: Pool;
  readonly model: Model;
  readonly onCommitted: (events: readonly RecordedEvent[]) => void;
}

const ATTEMPTS = 5;

export function createCommit(deps: CommitDeps): Commit {
  return async (operations, context) => {
    for (let attempt = 1; ; attempt++) {
      const loaded = await loadAll(deps, operations, { context, isAgain: attempt > 1 });
      const cause = { ...context, epoch: context.lease?.epoch ?? context.claim?.epoch ?? context.epoch ?? null };
      const decided = decideAll(operations, { cause, reads: loaded.reads, loaded: loaded.folds }, deps.model);
      try {
        const events = await write(deps, decided, { context, loaded });
        if (events.length > 0) deps.onCommitted(events);
        return { events, folds: decided.folds };
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === 'final') throw translated(error, context.lease?.subject ?? context.claim?.subject);
        if (attempt === ATTEMPTS) throw refusal === 'moved' ? await conflict(deps.pool, decided) : translated(error);
        await pause(attempt);
      }
    }
  };
}

interface Loaded {
  readonly folds: Map<string, Folded<unknown>>;
  readonly reads: Reads;
}

/** Streams and reads in one round trip. */
async function loadAll(
  { pool, model }: CommitDeps,
  operations: readonly Operation[],
  { context, isAgain }: { context: CommitContext; isAgain: boolean },
): Promise<Loaded> {
  const folds = new Map<string, Folded<unknown>>();
  if (!isAgain)
    for (const operation of operations) if (operation.known) folds.set(streamOfOperation(operation), operation.known);
  const wanted = operations.filter((operation) => isAgain || !(operation.isNew || operation.known));
  const streams = [...new Set(wanted.map(streamOfOperation))].sort();
  const queries = Object.entries(context.reads ?? {});
  if (streams.length === 0 && queries.length === 0) return { folds, reads: {} };
  const statements = [selectStreams(streams), ...queries.map(([, query]) => selectRow(query))];
  const [events, ...rows] = await withClient(pool, (client) => pipelined(client, statements)).catch(
    (error: unknown) => {
      throw translated(error);
    },
  );
  const byStream = Map.groupBy((events?.rows as unknown as EventRow[]).map(recorded), ({ stream }) => stream);
  for (const operation of wanted) {
    const stream = streamOfOperation(operation);
    if (!folds.has(stream)) folds.set(stream, fold(operation.decider, byStream.get(stream) ?? [], model));
  }
  return {
    folds,
    reads: Object.fromEntries(queries.map(([name], index) => [name, (rows[index]?.rows[0] as ReadRow) ?? null])),
  };
}

/** Views first, events last: an id is taken after every lock that its rules wait on. */
async function write(
  { pool, model }: CommitDeps,
  { events }: Decided,
  { context, loaded }: { context: CommitContext; loaded: Loaded },
): Promise<readonly RecordedEvent[]> {
  const extra = typeof context.extra === 'function' ? context.extra(events) : (context.extra ?? []);
  const guards = [
    ...streamStatements(events, loaded),
    ...leaseStatements(context),
    ...readStatements(context, loaded.reads),
  ];
  if (events.length === 0 && extra.length === 0 && !context.claim) return [];
  const views = mergeRows(events.flatMap((event) => model.project(event)));
  const tail = events.length > 0 ? [appendStatement(events)] : [];
  const results = await inTransaction(pool, [...guards, ...views, ...extra, ...tail]);
  const appended = results.at(-1);
  return events.length > 0 && appended ? withIds(events, appended) : [];
}

/** Existing streams only: nobody races for a new id. */
function streamStatements(events: readonly NewEvent[], { folds }: Loaded): Statement[] {
  const streams = [...new Set(events.map(({ stream }) => stream))].filter((stream) => folds.has(stream)).sort();
  if (streams.length === 0) return [];
  const versions = streams.map((stream) => folds.get(stream)?.version ?? 0);
  return [{ text: 'select log.lock_streams($1::text[], $2::int[])', values: [streams, versions] }];
}

function leaseStatements({ lease, claim }: CommitContext): Statement[] {
  const statements: Statement[] = [];
  if (lease) statements.push({ text: 'select log.assert_lease($1, $2)', values: [lease.subject, lease.epoch] });
  if (claim) {
    const values = [claim.subject, claim.owner, claim.epoch, claim.ttlMs];
    statements.push({ text: "select log.claim_lease($1, $2, $3, $4 * interval '1 millisecond')", values });
  }
  return statements;
}

function readStatements({ reads: queries = {} }: CommitContext, reads: Reads): Statement[] {
  return Object.entries(queries).map(([name, { table, id }]) => ({
    text: 'select log.assert_read($1, $2, $3)',
    values: [table, id, reads[name]?.version ?? null],
  }));
}

function selectRow({ table, id }: ReadQuery): Statement {
  if (!/^view\.[a-z_]+$/.test(table)) throw new Error(`${table} is no table of the views`);
  return { text: `select * from ${table} where id = $1`, values: [id] };
}

async function conflict(pool: Pool, { events }: Decided): Promise<Conflict> {
  const streams = [...new Set(events.map(({ stream }) => stream))];
  const { rows } = await pool.query<{ stream: string; version: number }>(
    'select stream, max(version) as version from log.event where stream = any ($1) group by stream order by stream',
    [streams],
  );
  const first = new Map(events.toReversed().map(({ stream, version }) => [stream, version]));
  const moved = rows.find(({ stream, version }) => version >= (first.get(stream) ?? 0)) ?? rows[0];
  return new Conflict(moved?.stream ?? streams[0] ?? 'a row that was read', moved?.version ?? 0);
}

/** Full jitter: racing writers part. */
function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * 2 ** attempt));
}

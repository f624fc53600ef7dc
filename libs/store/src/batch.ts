import type { Pool, PoolClient } from 'pg';
import type { RecordedEvent } from '#domain/event';
import { appendStatement, withIds, type NewEvent } from './append.js';
import { BEGIN, APPEND_LOCK, COMMIT, pipelined, withClient } from './pipeline.js';
import { translated } from './refusal.js';
import type { Statement } from './statement.js';

/** One independent commit of new streams. */
export interface BatchItem {
  readonly events: readonly NewEvent[];
  /** View statements of these events, then rows of the `state` schema. */
  readonly statements: readonly Statement[];
  /** Lets the item in, or says that it is stored already; then nothing more of it is written. */
  readonly guard?: Guard;
}

/** `insert … on conflict do nothing returning …`: no row back means "stored already". */
export interface Guard extends Statement {
  /** Rows that a free item gives back; 1. Fewer, but some: another writer was in between, the batch is tried again. */
  readonly rows?: number;
  /** What it is about. Guards run in this order, so that batches with the same ones wait instead of deadlocking. */
  readonly key?: string;
}

/** The events as stored, `duplicate`, or why this one was not stored. */
export type BatchOutcome = readonly RecordedEvent[] | 'duplicate' | Error;

export interface BatchDeps {
  readonly pool: Pool;
  readonly onCommitted: (events: readonly RecordedEvent[]) => void;
}

const ATTEMPTS = 3;

/**
 * Many independent commits in one transaction. When a statement is refused, the batch is halved until the item at
 * fault stands alone: it never fails its neighbours.
 */
export async function appendBatch(deps: BatchDeps, items: readonly BatchItem[]): Promise<BatchOutcome[]> {
  if (items.length === 0) return [];
  try {
    const outcomes = await appendRetrying(deps.pool, items);
    const events = outcomes.flatMap((outcome) => (outcome === 'duplicate' ? [] : outcome));
    if (events.length > 0) deps.onCommitted(events);
    return outcomes;
  } catch (error) {
    const cause = translated(error);
    if (items.length === 1 || !isRowAtFault(error)) return items.map(() => (cause instanceof Error ? cause : new Error(String(cause))));
    const half = Math.ceil(items.length / 2);
    return [...(await appendBatch(deps, items.slice(0, half))), ...(await appendBatch(deps, items.slice(half)))];
  }
}

type Stored = readonly RecordedEvent[] | 'duplicate';

async function appendRetrying(pool: Pool, items: readonly BatchItem[]): Promise<Stored[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withClient(pool, (client) => appendTogether(client, items));
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof HalfGuarded || isDeadlock(error))) throw error;
    }
  }
}

async function appendTogether(client: PoolClient, items: readonly BatchItem[]): Promise<Stored[]> {
  try {
    const isDuplicate = await runGuards(client, items);
    const fresh = items.filter((item) => !isDuplicate.has(item));
    const events = fresh.flatMap((item) => item.events);
    const tail = events.length > 0 ? [appendStatement(events), COMMIT] : [COMMIT];
    const results = await pipelined(client, [...fresh.flatMap((item) => item.statements), ...tail]);
    const appended = results.at(-2);
    return share(items, isDuplicate, events.length > 0 && appended ? withIds(events, appended) : []);
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function runGuards(client: PoolClient, items: readonly BatchItem[]): Promise<Set<BatchItem>> {
  const guarded = items.flatMap((item) => (item.guard ? [{ item, guard: item.guard }] : [])).sort(byKey);
  const answers = await pipelined(client, [BEGIN, APPEND_LOCK, ...guarded.map(({ guard }) => guard)]);
  const isDuplicate = new Set<BatchItem>();
  guarded.forEach(({ item, guard }, index) => {
    const rows = answers[index + 2]?.rowCount ?? 0;
    if (rows === 0) isDuplicate.add(item);
    else if (rows < (guard.rows ?? 1)) throw new HalfGuarded();
  });
  return isDuplicate;
}

/** Another transaction took some of a guard's rows while it ran; seen afresh it is a duplicate. */
class HalfGuarded extends Error {}

/** Guards without a key stay in the order given: the first of equal ones is the one that is stored. */
function byKey({ guard: a }: { guard: Guard }, { guard: b }: { guard: Guard }): number {
  const [left, right] = [a.key ?? '', b.key ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

function share(items: readonly BatchItem[], isDuplicate: ReadonlySet<BatchItem>, stored: readonly RecordedEvent[]): Stored[] {
  let next = 0;
  return items.map((item) => (isDuplicate.has(item) ? 'duplicate' : stored.slice(next, (next += item.events.length))));
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40P01';
}

/** The server refused a row; a lost connection or a full disk is nobody's row. */
function isRowAtFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|23|40|42|P0|TF)/.test(code);
}

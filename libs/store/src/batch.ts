import type { Pool } from 'pg';
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
  /**
   * `insert … on conflict do nothing returning …`: no row back means that this item is stored already, and nothing
   * more of it is written. Put what must still hold into its `select … where`.
   */
  readonly guard?: Statement;
}

/** The events as stored, `duplicate`, or why this one was not stored. */
export type BatchOutcome = readonly RecordedEvent[] | 'duplicate' | Error;

export interface BatchDeps {
  readonly pool: Pool;
  readonly onCommitted: (events: readonly RecordedEvent[]) => void;
}

/**
 * Many independent commits in one transaction. When a statement is refused, the batch is halved until the item at
 * fault stands alone: it never fails its neighbours.
 */
export async function appendBatch(deps: BatchDeps, items: readonly BatchItem[]): Promise<BatchOutcome[]> {
  if (items.length === 0) return [];
  try {
    const outcomes = await appendTogether(deps.pool, items);
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

function appendTogether(pool: Pool, items: readonly BatchItem[]): Promise<(readonly RecordedEvent[] | 'duplicate')[]> {
  return withClient(pool, async (client) => {
    const guarded = items.filter(({ guard }) => guard).sort(byGuard);
    const isDuplicate = new Set<BatchItem>();
    try {
      const answers = await pipelined(client, [BEGIN, APPEND_LOCK, ...guarded.map(({ guard }) => guard as Statement)]);
      guarded.forEach((item, index) => answers[index + 2]?.rowCount === 0 && isDuplicate.add(item));
      const fresh = items.filter((item) => !isDuplicate.has(item));
      const events = fresh.flatMap((item) => item.events);
      const tail = events.length > 0 ? [appendStatement(events), COMMIT] : [COMMIT];
      const results = await pipelined(client, [...fresh.flatMap((item) => item.statements), ...tail]);
      const appended = results.at(-2);
      const stored = events.length > 0 && appended ? withIds(events, appended) : [];
      return share(items, isDuplicate, stored);
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  });
}

/** Two batches that hold the same keys wait for each other in the same order. */
function byGuard(a: BatchItem, b: BatchItem): number {
  const [left, right] = [String(a.guard?.values), String(b.guard?.values)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function share(items: readonly BatchItem[], isDuplicate: ReadonlySet<BatchItem>, stored: readonly RecordedEvent[]) {
  let next = 0;
  return items.map((item) => (isDuplicate.has(item) ? ('duplicate' as const) : stored.slice(next, (next += item.events.length))));
}

/** The server refused a row; a lost connection or a full disk is nobody's row. */
function isRowAtFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|23|40|42|P0|TF)/.test(code);
}

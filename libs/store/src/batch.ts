import type { Pool, PoolClient } from 'pg';
import type { RecordedEvent } from '#domain/event';
import { appendStatement, withIds, type NewEvent } from './append.js';
import { claimKeys, releaseKeys, type DeliveryKey } from './delivery-keys.js';
import { mergeInserts } from './merge-inserts.js';
import { mergeRows } from './merge-rows.js';
import { BEGIN, COMMIT, pipelined, withClient } from './pipeline.js';
import { isDeadlock, translated } from './refusal.js';
import type { Statement } from './statement.js';

/** One independent commit of new streams. */
export interface BatchItem {
  readonly events: readonly NewEvent[];
  /** View statements of these events, then rows of the `state` schema. */
  readonly statements: readonly Statement[];
  /** Taken with it, all or none. One that another holds makes it a duplicate, of which nothing is written. */
  readonly keys?: readonly DeliveryKey[];
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
  let outcomes: Outcome[];
  try {
    outcomes = await appendRetrying(deps.pool, items);
  } catch (error) {
    const cause = translated(error);
    if (items.length === 1 || !isRowAtFault(error))
      return items.map(() => (cause instanceof Error ? cause : new Error(String(cause))));
    const half = Math.ceil(items.length / 2);
    return [...(await appendBatch(deps, items.slice(0, half))), ...(await appendBatch(deps, items.slice(half)))];
  }
  const events = outcomes.flatMap((outcome) => (typeof outcome === 'string' ? [] : outcome));
  if (events.length > 0) deps.onCommitted(events);
  const later = await appendBatch(
    deps,
    items.filter((_, index) => outcomes[index] === 'again'),
  );
  return outcomes.map((outcome) => (outcome === 'again' ? (later.shift() ?? 'duplicate') : outcome));
}

/** `again`: it gave way to an item of the same batch that then was a duplicate itself. */
type Outcome = readonly RecordedEvent[] | 'duplicate' | 'again';

async function appendRetrying(pool: Pool, items: readonly BatchItem[]): Promise<Outcome[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withClient(pool, (client) => appendTogether(client, items));
    } catch (error) {
      if (attempt === ATTEMPTS || !isDeadlock(error)) throw error;
    }
  }
}

async function appendTogether(client: PoolClient, items: readonly BatchItem[]): Promise<Outcome[]> {
  const { claims, gaveWayTo } = claimsOf(items);
  const claim = claimKeys([...claims.values()].flat());
  try {
    const [, claimed] = await pipelined(client, claim ? [BEGIN, claim] : [BEGIN]);
    const got = new Set(claimed?.rows.map((row) => `${String(row.trigger_id)} ${String(row.key)}`));
    const isFresh = (item: BatchItem) => claims.get(item)?.every((key) => got.has(nameOf(key))) ?? false;
    const fresh = items.filter(isFresh);
    const release = releaseKeys(
      [...claims].flatMap(([item, keys]) => (isFresh(item) ? [] : keys.filter((key) => got.has(nameOf(key))))),
    );
    const events = fresh.flatMap((item) => item.events);
    const statements = merged(fresh.flatMap((item) => item.statements));
    const tail = events.length > 0 ? [appendStatement(events), COMMIT] : [COMMIT];
    const results = await pipelined(client, [...(release ? [release] : []), ...statements, ...tail]);
    const appended = results.at(-2);
    const stored = share(fresh, events.length > 0 && appended ? withIds(events, appended) : []);
    return items.map((item) => {
      const blocker = gaveWayTo.get(item);
      return stored.get(item) ?? (blocker && !stored.has(blocker) ? 'again' : 'duplicate');
    });
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** New streams that know nothing of each other: their view rows may go before all else. */
function merged(statements: readonly Statement[]): readonly Statement[] {
  const { rows = [], others = [] } = Object.groupBy(statements, ({ rows }) => (rows ? 'rows' : 'others'));
  return [...mergeRows(rows), ...mergeInserts(others)];
}

/** Of items with the same key the first one goes for it, the others give way. */
function claimsOf(items: readonly BatchItem[]) {
  const claims = new Map<BatchItem, readonly DeliveryKey[]>();
  const gaveWayTo = new Map<BatchItem, BatchItem>();
  const holders = new Map<string, BatchItem>();
  for (const item of items) {
    const keys = item.keys ?? [];
    const blocker = keys.map((key) => holders.get(nameOf(key))).find((holder) => holder !== undefined);
    if (blocker) {
      gaveWayTo.set(item, blocker);
      continue;
    }
    keys.forEach((key) => holders.set(nameOf(key), item));
    claims.set(item, keys);
  }
  return { claims, gaveWayTo };
}

function nameOf({ triggerId, key }: DeliveryKey): string {
  return `${triggerId} ${key}`;
}

function share(
  items: readonly BatchItem[],
  events: readonly RecordedEvent[],
): Map<BatchItem, readonly RecordedEvent[]> {
  let next = 0;
  return new Map(items.map((item) => [item, events.slice(next, (next += item.events.length))]));
}

/** The server refused a row; a lost connection or a full disk is nobody's row. */
function isRowAtFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|23|40|42|P0|TF)/.test(code);
}

import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { DeliveryReceived } from '#domain/delivery';
import type { Source } from '#plugins/source';
import { dueRuns, jitterMs, type Run } from '#plugins/timetable';
import type { Timetable, Trigger } from '#plugins/trigger';
import type { Logger } from '#runtime/logging';
import { deliveryItem } from '#store/record-delivery';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { startLoop } from '../drift/loop.js';
import type { Work } from '../lead.js';
import { createSubscriptions } from './subscriptions.js';

export interface ScheduleDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
  readonly logger: Logger;
}

/** A new or changed schedule is seen within this; a due one is waited for to the millisecond. */
const LOOK_MS = 2_000;
const KEEP_SECONDS = 30 * 86_400;

/** Fires the schedules: due times stand in Postgres, so neither a restart nor a second leader loses or doubles a run. */
export function startSchedules(deps: ScheduleDeps): Work {
  const tick = createTicker(deps);
  return startLoop({
    run: async () => {
      const now = new Date();
      const next = await tick(now);
      return next === null ? LOOK_MS : Math.min(LOOK_MS, Math.max(10, next.getTime() - Date.now()));
    },
    retryMs: LOOK_MS,
    onError: (error) => deps.logger.warn({ err: error }, 'The schedules could not be looked at; it is tried again'),
  });
}

interface Planned {
  readonly triggerId: string;
  readonly kind: string;
  readonly timetable: Timetable;
}
interface Row {
  readonly triggerId: string;
  readonly timetable: string;
  readonly nextAt: Date;
  readonly dueAt: Date;
}

/** One look: new timetables begin now, those that are gone go, what is due fires. Returns when the next one is due. */
export function createTicker(deps: ScheduleDeps) {
  const subscriptions = createSubscriptions(deps.store.pool, deps);
  return async (now: Date): Promise<Date | null> => {
    const planned = new Map<string, Planned>();
    for (const { triggerId, trigger, config } of await subscriptions((each) => each.timetable !== undefined)) {
      const timetable = trigger.timetable!(config);
      planned.set(`${triggerId} ${timetable.key}`, { triggerId, kind: trigger.kind, timetable });
    }
    const { rows } = await deps.store.pool.query<Row>(
      'select trigger_id as "triggerId", timetable, next_at as "nextAt", due_at as "dueAt" from state.schedule',
    );
    const kept = new Map(rows.map((row) => [`${row.triggerId} ${row.timetable}`, row]));
    await forget(
      deps.store,
      [...kept].filter(([key]) => !planned.has(key)).map(([, row]) => row),
    );
    const due = await Promise.all(
      [...planned].map(([key, plan]) => advance(deps, { plan, row: kept.get(key) ?? null, now })),
    );
    return due.reduce<Date | null>((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
  };
}

async function forget({ pool }: Store, gone: readonly Row[]): Promise<void> {
  if (gone.length === 0) return;
  await pool.query(
    `delete from state.schedule s using unnest($1::uuid[], $2::text[]) g (trigger_id, timetable)
      where s.trigger_id = g.trigger_id and s.timetable = g.timetable`,
    [gone.map(({ triggerId }) => triggerId), gone.map(({ timetable }) => timetable)],
  );
}

/** Fires first and moves on afterwards: a crash between the two finds the run recorded under its key. */
async function advance(
  deps: ScheduleDeps,
  { plan, row, now }: { plan: Planned; row: Row | null; now: Date },
): Promise<Date | null> {
  if (row !== null && row.dueAt > now) return row.dueAt;
  const { triggerId, timetable } = plan;
  const jitter = jitterMs(triggerId, timetable);
  const { runs, next } =
    row === null ? { runs: [], next: timetable.next(now) } : dueRuns(timetable, { from: row.nextAt, now, jitter });
  if (runs.length > 0) await fire(deps, { plan, runs, now });
  if (next === null) {
    await forget(deps.store, row === null ? [] : [row]);
    return null;
  }
  const dueAt = new Date(next.getTime() + jitter);
  await deps.store.pool.query(
    `insert into state.schedule (trigger_id, timetable, next_at, due_at) values ($1, $2, $3, $4)
      on conflict (trigger_id, timetable) do update set next_at = $3, due_at = $4`,
    [triggerId, timetable.key, next, dueAt],
  );
  return dueAt;
}

async function fire(
  { store, secrets }: ScheduleDeps,
  { plan, runs, now }: { plan: Planned; runs: readonly Run[]; now: Date },
): Promise<void> {
  const { triggerId, kind, timetable } = plan;
  const of = createHash('sha256').update(timetable.key).digest('base64url').slice(0, 16);
  const items = runs.map(({ scheduledFor, missedCount }) => {
    const id = uuidv7();
    const times = { scheduledFor: scheduledFor.toISOString(), firedAt: now.toISOString(), missedCount };
    const received: DeliveryReceived = {
      id,
      triggerId,
      triggerKind: kind,
      origin: 'schedule',
      vendor: 'schedule',
      events: [{ kind: 'schedule', ...times, timetable: timetable.key }],
      status: 'accepted',
      reason: null,
      replayOf: null,
    };
    const keys = [{ key: `schedule:${of}:${scheduledFor.getTime() / 1000}`, keepSeconds: KEEP_SECONDS }];
    return deliveryItem(store, secrets, { received, body: null, bodyDays: 0, keys }, cause(id));
  });
  for (const outcome of await store.appendBatch(items)) if (outcome instanceof Error) throw outcome;
}

function cause(correlationId: string) {
  return { actor: 'system:reconciler', correlationId };
}

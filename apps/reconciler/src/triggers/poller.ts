import { v7 as uuidv7 } from 'uuid';
import type { DeliveryReceived, RecordedInbound } from '#domain/delivery';
import { RetryableError, TerminalError } from '#domain/errors';
import { oneLine } from '#domain/one-line';
import type { Http } from '#plugins/http';
import type { PollIo, Polling } from '#plugins/trigger';
import { withoutPerson } from '#plugins/without-person';
import { createResolveIo } from '#process/resolve-io';
import { deliveryItem } from '#store/record-delivery';
import { startLoop } from '../drift/loop.js';
import type { Work } from '../lead.js';
import type { ScheduleDeps } from './scheduler.js';
import { createSubscriptions, type Subscription } from './subscriptions.js';

export interface PollDeps extends ScheduleDeps {
  readonly http: Http;
}

const LOOK_MS = 5_000;
const AT_A_TIME = 4;
const TIMEOUT_MS = 60_000;
const MOST_BACKOFF_SECONDS = 3_600;

/** Asks registries for what a webhook did not tell: a net, and the only way where no webhook can get in. */
export function startPolls(deps: PollDeps): Work {
  const round = createPoller(deps);
  const stopping = new AbortController();
  const loop = startLoop({
    run: async () => {
      await round(new Date(), stopping.signal);
      return LOOK_MS;
    },
    retryMs: LOOK_MS,
    onError: (error) => deps.logger.warn({ err: error }, 'The polls could not be looked at; it is tried again'),
  });
  return {
    async stop() {
      stopping.abort();
      await loop.stop();
    },
  };
}

interface Watch {
  readonly kind: string;
  readonly polling: Polling;
  readonly waiting: readonly { readonly subscription: Subscription; readonly polling: Polling }[];
}
interface Row {
  readonly kind: string;
  readonly key: string;
  readonly nextAt: Date;
  readonly failures: number;
  readonly seen: Readonly<Record<string, string>>;
}

/** One round: every question that is due is asked once, and its answer told to all that wait for it. */
export function createPoller(deps: PollDeps) {
  const subscriptions = createSubscriptions(deps.store.pool, deps);
  return async (now: Date, stopping: AbortSignal = new AbortController().signal): Promise<void> => {
    const watches = watchesOf(await subscriptions((each) => each.polling !== undefined));
    const { rows } = await deps.store.pool.query<Row>(
      'select kind, key, next_at as "nextAt", failures, seen from state.watch',
    );
    const kept = new Map(rows.map((row) => [`${row.kind} ${row.key}`, row]));
    const gone = rows.filter((row) => !watches.has(`${row.kind} ${row.key}`));
    for (const { kind, key } of gone)
      await deps.store.pool.query('delete from state.watch where kind = $1 and key = $2', [kind, key]);
    const due = [...watches].filter(([name]) => (kept.get(name)?.nextAt ?? now) <= now);
    const io = pollIo(deps, AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)]));
    const ask = async () => {
      for (let next = due.shift(); next !== undefined && !stopping.aborted; next = due.shift())
        await look(deps, { watch: next[1], row: kept.get(next[0]) ?? null, now, io });
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, ask));
  };
}

/** Equal keys are one question; the most impatient says how often it is asked. */
function watchesOf(subscriptions: readonly Subscription[]): ReadonlyMap<string, Watch> {
  const found = new Map<string, Watch>();
  for (const subscription of subscriptions) {
    const polling = subscription.trigger.polling!(subscription.config);
    if (polling === null) continue;
    const { kind } = subscription.trigger;
    const name = `${kind} ${polling.key}`;
    const known = found.get(name);
    const isSooner = known === undefined || polling.everySeconds < known.polling.everySeconds;
    const waiting = [...(known?.waiting ?? []), { subscription, polling }];
    found.set(name, { kind, polling: isSooner ? polling : known.polling, waiting });
  }
  return found;
}

function pollIo({ store, secrets, http }: PollDeps, signal: AbortSignal): PollIo {
  const asked = new Map<string, Promise<unknown>>();
  return {
    ...createResolveIo({ store, secrets, http }, signal),
    once<T>(key: string, ask: () => Promise<T>): Promise<T> {
      if (!asked.has(key)) asked.set(key, ask());
      return asked.get(key) as Promise<T>;
    },
  };
}

interface Looking {
  readonly watch: Watch;
  readonly row: Row | null;
  readonly now: Date;
  readonly io: PollIo;
}

async function look(deps: PollDeps, looking: Looking): Promise<void> {
  const { watch, row, now } = looking;
  const { everySeconds, jitter } = watch.polling;
  const seen = { ...row?.seen };
  try {
    await tell(deps, looking, seen);
    const waitSeconds = everySeconds * (1 + Math.random() * jitter);
    await keep(deps, watch, { now, waitSeconds, failures: 0, error: null, seen });
  } catch (error) {
    const failures = (row?.failures ?? 0) + 1;
    const waitSeconds = pauseAfter(error, { failures, everySeconds });
    const said = oneLine(error instanceof Error ? error.message : String(error));
    deps.logger.warn({ kind: watch.kind, key: watch.polling.key, err: error }, 'A poll failed; it is tried again');
    await keep(deps, watch, { now, waitSeconds, failures, error: said, seen: row?.seen ?? {} });
  }
}

/** What the other side asks for is kept to; what a person has to mend is asked for once an hour. */
function pauseAfter(error: unknown, { failures, everySeconds }: { failures: number; everySeconds: number }): number {
  if (error instanceof TerminalError) return MOST_BACKOFF_SECONDS;
  const asked = error instanceof RetryableError ? (error.retryAfterSeconds ?? 0) : 0;
  const backoff = Math.min(MOST_BACKOFF_SECONDS, everySeconds * 2 ** Math.min(failures - 1, 10));
  return Math.max(asked, backoff);
}

/** Judged as the fan-out will: only news becomes a delivery, and the same news once. */
async function tell(deps: PollDeps, { watch, io }: Looking, seen: Record<string, string>): Promise<void> {
  const news = new Map<string, Map<string, RecordedInbound>>();
  for (const { subscription, polling } of watch.waiting) {
    const { trigger, triggerId, bindingId, config, last } = subscription;
    const candidates = await polling.poll(io);
    if (trigger.match(candidates, config, last).verdict !== 'matched') continue;
    const events = candidates.map(({ event }) => withoutPerson(event));
    const mark = JSON.stringify(events);
    if (seen[bindingId] === mark) continue;
    seen[bindingId] = mark;
    const ofTrigger = news.get(triggerId) ?? new Map<string, RecordedInbound>();
    events.forEach((event) => ofTrigger.set(JSON.stringify(event), event));
    news.set(triggerId, ofTrigger);
  }
  const items = [...news].map(([triggerId, events]) => {
    const id = uuidv7();
    const about = { id, triggerId, triggerKind: watch.kind, origin: 'poll', vendor: 'poll', replayOf: null } as const;
    const received: DeliveryReceived = { ...about, events: [...events.values()], status: 'accepted', reason: null };
    const cause = { actor: 'system:reconciler', correlationId: id };
    return deliveryItem(deps.store, deps.secrets, { received, body: null, bodyDays: 0, keys: [] }, cause);
  });
  for (const outcome of await deps.store.appendBatch(items)) if (outcome instanceof Error) throw outcome;
}

interface Kept {
  readonly now: Date;
  readonly waitSeconds: number;
  readonly failures: number;
  readonly error: string | null;
  readonly seen: Readonly<Record<string, string>>;
}

async function keep({ store }: PollDeps, { kind, polling, waiting }: Watch, kept: Kept): Promise<void> {
  const { now, waitSeconds, failures, error, seen } = kept;
  const bound = new Set(waiting.map(({ subscription }) => subscription.bindingId));
  const still = Object.fromEntries(Object.entries(seen).filter(([bindingId]) => bound.has(bindingId)));
  const nextAt = new Date(now.getTime() + waitSeconds * 1000);
  await store.pool.query(
    `insert into state.watch (kind, key, next_at, polled_at, failures, error, seen) values ($1, $2, $3, $4, $5, $6, $7)
      on conflict (kind, key) do update
        set next_at = $3, polled_at = $4, failures = $5, error = $6, seen = $7`,
    [kind, polling.key, nextAt, now, failures, error, JSON.stringify(still)],
  );
}

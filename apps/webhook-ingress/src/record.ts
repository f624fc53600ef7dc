import { v7 as uuidv7 } from 'uuid';
import type { DeliveryReceived, UndispatchedStatus } from '#domain/delivery';
import type { BatchOutcome } from '#store/batch';
import { deliveryItem } from '#store/record-delivery';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import type { WebhookTrigger } from './find-trigger.js';
import type { ReadDelivery, TransportKey } from './read-delivery.js';

export interface ToRecord {
  readonly trigger: WebhookTrigger;
  readonly read: ReadDelivery;
  readonly body: Buffer;
  readonly bodyDays: number;
}

export type Recorded =
  | {
      readonly kind: 'stored';
      readonly deliveryId: string;
      readonly status: DeliveryReceived['status'];
      readonly reason: string | null;
    }
  | { readonly kind: 'duplicate'; readonly of: string | null }
  /** The trigger was changed, rotated or deleted since it was found: nothing was written. */
  | { readonly kind: 'outdated' };

interface Pending extends ToRecord {
  readonly resolve: (recorded: Recorded) => void;
  readonly reject: (error: unknown) => void;
}

const MOST_PER_BATCH = 64;
const MOST_IN_FLIGHT = 2;

/** Groups what arrives while a write is under way: one transaction carries up to 64 deliveries. */
export function createRecorder(store: Store, secrets: Secrets) {
  let waiting: Pending[] = [];
  let inFlight = 0;
  const next = () => {
    while (inFlight < MOST_IN_FLIGHT && waiting.length > 0) {
      const batch = waiting.slice(0, MOST_PER_BATCH);
      waiting = waiting.slice(MOST_PER_BATCH);
      inFlight += 1;
      void writeBatch(store, secrets, batch).finally(() => {
        inFlight -= 1;
        next();
      });
    }
  };
  return (toRecord: ToRecord): Promise<Recorded> =>
    new Promise((resolve, reject) => {
      waiting.push({ ...toRecord, resolve, reject });
      // Later in this turn of the loop: what came in with the same packet goes in one batch.
      queueMicrotask(next);
    });
}

async function writeBatch(store: Store, secrets: Secrets, batch: readonly Pending[]): Promise<void> {
  try {
    const freshBefore = new Map<Pending, number>();
    let open = batch;
    while (open.length > 0) {
      const situation = await look(store, open);
      const current = open.filter(({ trigger }) => situation.versions.get(trigger.id) === trigger.version);
      open.filter((pending) => !current.includes(pending)).forEach(({ resolve }) => resolve({ kind: 'outdated' }));
      const prepared = current.map((pending) => prepare(pending, situation));
      const outcomes = await write(store, secrets, prepared);
      const again = prepared.filter((each) => outcomes.get(each) === 'duplicate' && hasMore(each, freshBefore));
      await Promise.all(
        prepared
          .filter((each) => !again.includes(each))
          .map((each) => answer(store, each, outcomes.get(each) ?? 'duplicate')),
      );
      open = again.map(({ pending }) => pending);
    }
  } catch (error) {
    batch.forEach(({ reject }) => reject(error));
  }
}

async function write(
  store: Store,
  secrets: Secrets,
  prepared: readonly Prepared[],
): Promise<ReadonlyMap<Prepared, BatchOutcome>> {
  // An envelope of which every event is known already is not written again.
  const fresh = prepared.filter(({ isKnown }) => !isKnown);
  const items = fresh.map(({ received, keys, pending: { body, bodyDays } }) => {
    const cause = { actor: 'system:webhook-ingress', correlationId: received.id };
    return deliveryItem(store, secrets, { received, keys, bodyDays, body: body.length === 0 ? null : body }, cause);
  });
  const outcomes = await store.appendBatch(items);
  return new Map(fresh.map((each, index) => [each, outcomes[index]!]));
}

/** An envelope that lost an event to another writer is looked at again: the rest of it is news. Each look finds fewer. */
function hasMore({ pending, received }: Prepared, freshBefore: Map<Pending, number>): boolean {
  const isFewer = received.events.length < (freshBefore.get(pending) ?? Infinity);
  freshBefore.set(pending, received.events.length);
  return isFewer && pending.read.events.length > 1;
}

interface Situation {
  /** Trigger → its version now; a deleted one is left out. */
  readonly versions: ReadonlyMap<string, number>;
  /** Triggers that are enabled and have an enabled binding. */
  readonly enabled: ReadonlySet<string>;
  readonly bound: ReadonlySet<string>;
  /** `<trigger> <key>` of the event keys that another delivery has. */
  readonly taken: ReadonlySet<string>;
}

async function look(store: Store, batch: readonly Pending[]): Promise<Situation> {
  const triggerIds = [...new Set(batch.map(({ trigger }) => trigger.id))];
  const eventKeys = batch.flatMap(({ trigger, read }) =>
    read.events.flatMap(({ key }) => (key ? [[trigger.id, key.key] as const] : [])),
  );
  const triggers = store.pool.query<{ id: string; version: number; enabled: boolean; bound: boolean }>({
    name: 'ingress-situation',
    text: `select t.id, t.version, t.webhook_enabled as enabled,
        exists (select from view.binding b where b.trigger_id = t.id and b.enabled) as bound
      from view.trigger t where t.id = any ($1::uuid[])`,
    values: [triggerIds],
  });
  const [{ rows }, taken] = await Promise.all([triggers, eventKeys.length === 0 ? [] : takenKeys(store, eventKeys)]);
  return {
    versions: new Map(rows.map((row) => [row.id, row.version])),
    enabled: new Set(rows.filter((row) => row.enabled).map((row) => row.id)),
    bound: new Set(rows.filter((row) => row.bound).map((row) => row.id)),
    taken: new Set(taken),
  };
}

async function takenKeys(
  store: Store,
  keys: readonly (readonly [triggerId: string, key: string])[],
): Promise<string[]> {
  const { rows } = await store.pool.query<{ taken: string }>({
    name: 'ingress-taken-keys',
    text: `select k.trigger_id || ' ' || k.key as taken from state.delivery_key k
      join unnest($1::uuid[], $2::text[]) as w(trigger_id, key) on w.trigger_id = k.trigger_id and w.key = k.key
      where k.expires_at > now()`,
    values: [keys.map(([triggerId]) => triggerId), keys.map(([, key]) => key)],
  });
  return rows.map((row) => row.taken);
}

interface Prepared {
  readonly pending: Pending;
  readonly received: DeliveryReceived;
  readonly keys: readonly TransportKey[];
  readonly isKnown: boolean;
}

function prepare(pending: Pending, situation: Situation): Prepared {
  const { trigger, read } = pending;
  const seen = new Set(situation.taken);
  const fresh = read.events.filter(({ key }) => key === null || isFirst(seen, `${trigger.id} ${key.key}`));
  const keys = [read.key, ...fresh.map(({ key }) => key)].filter((key): key is TransportKey => key !== null);
  const received: DeliveryReceived = {
    id: uuidv7(),
    triggerId: trigger.id,
    triggerKind: trigger.kind,
    origin: read.vendor === 'manual' ? 'manual' : 'webhook',
    vendor: read.vendor,
    events: fresh.map(({ event }) => event),
    ...statusOf(pending, situation),
    replayOf: null,
  };
  const isKnown = read.events.length > 0 && fresh.length === 0;
  return { pending, received, keys: distinct(keys.filter(({ keepSeconds }) => keepSeconds > 0)), isKnown };
}

function statusOf(
  { trigger, read }: Pending,
  { enabled, bound }: Situation,
): { status: DeliveryReceived['status']; reason: string | null } {
  if (!enabled.has(trigger.id)) return undispatched('disabled', 'The webhook of this trigger is switched off.');
  if (read.status !== 'accepted') return { status: read.status, reason: read.reason };
  if (!bound.has(trigger.id)) return undispatched('no-binding', 'No enabled binding: nothing listens to this trigger.');
  return { status: 'accepted', reason: null };
}

function undispatched(status: UndispatchedStatus, reason: string) {
  return { status, reason };
}

async function answer(store: Store, { pending, received, keys }: Prepared, outcome: BatchOutcome): Promise<void> {
  if (outcome instanceof Error) return pending.reject(outcome);
  if (outcome !== 'duplicate') {
    const { id: deliveryId, status, reason } = received;
    return pending.resolve({ kind: 'stored', deliveryId, status, reason });
  }
  const known = keys.length > 0 ? keys : pending.read.events.flatMap(({ key }) => (key ? [key] : []));
  const { rows } = await store.pool.query<{ of: string }>(
    'select delivery_id as of from state.delivery_key where trigger_id = $1 and key = any ($2) limit 1',
    [pending.trigger.id, known.map(({ key }) => key)],
  );
  pending.resolve({ kind: 'duplicate', of: rows[0]?.of ?? null });
}

function isFirst(seen: Set<string>, key: string): boolean {
  return !seen.has(key) && Boolean(seen.add(key));
}

function distinct(keys: readonly TransportKey[]): readonly TransportKey[] {
  return [...new Map(keys.map((key) => [key.key, key])).values()];
}

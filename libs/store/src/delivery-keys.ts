import type { Statement } from './statement.js';

/** What tells a delivery from its repetition, for as long as it is kept. */
export interface DeliveryKey {
  readonly triggerId: string;
  readonly key: string;
  readonly deliveryId: string;
  readonly keepSeconds: number;
}

/**
 * Takes the keys that are free or have expired, and gives those back; null for none. No key may be in it twice.
 * In one order, so that two batches with the same keys wait for each other instead of deadlocking.
 */
export function claimKeys(keys: readonly DeliveryKey[]): Statement | null {
  if (keys.length === 0) return null;
  const ordered = keys.toSorted((a, b) => order(a.triggerId, b.triggerId) || order(a.key, b.key));
  return {
    text: `insert into state.delivery_key as held (trigger_id, key, delivery_id, expires_at)
      select k.trigger_id, k.key, k.delivery_id, now() + k.seconds * interval '1 second'
      from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[]) with ordinality k (trigger_id, key, delivery_id, seconds, ord)
      order by k.ord
      on conflict (trigger_id, key) do update set delivery_id = excluded.delivery_id, expires_at = excluded.expires_at
        where held.expires_at <= now()
      returning trigger_id, key`,
    values: [
      ordered.map(({ triggerId }) => triggerId),
      ordered.map(({ key }) => key),
      ordered.map(({ deliveryId }) => deliveryId),
      ordered.map(({ keepSeconds }) => keepSeconds),
    ],
  };
}

/** Lets go of keys that were taken for a delivery which then turned out to be a duplicate. */
export function releaseKeys(keys: readonly DeliveryKey[]): Statement | null {
  if (keys.length === 0) return null;
  return {
    text: `delete from state.delivery_key d using unnest($1::uuid[], $2::text[]) k (trigger_id, key)
      where d.trigger_id = k.trigger_id and d.key = k.key`,
    values: [keys.map(({ triggerId }) => triggerId), keys.map(({ key }) => key)],
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { delivery, type DeliveryReceived } from '#domain/delivery';
import type { BatchItem } from './batch.js';
import type { Cause } from './decide.js';
import { onNew } from './operation.js';
import type { Secrets } from './secrets.js';
import type { Statement } from './statement.js';
import type { Store } from './store.js';

/** A delivery with what must not stand in an event: the body, and how long its keys keep duplicates out. */
export interface IncomingDelivery {
  readonly received: DeliveryReceived;
  /** Sealed and kept for `bodyDays`; null = nothing to keep. */
  readonly body: Buffer | null;
  readonly bodyDays: number;
  /** Transport keys of this trigger that no other delivery may have; [] = never a duplicate. */
  readonly keys: readonly { readonly key: string; readonly keepSeconds: number }[];
}

/** One delivery as an item of a batch. The guard refuses it when one of its keys is taken. */
export function deliveryItem(store: Store, secrets: Secrets, incoming: IncomingDelivery, cause: Cause): BatchItem {
  const { received, body, bodyDays, keys } = incoming;
  const { events, statements } = store.propose([onNew(delivery, received.id, { type: 'RecordDelivery', received })], cause);
  const expiresAt = new Date(Date.now() + bodyDays * 86_400_000).toISOString();
  const sealed = body === null ? [] : [secrets.sealBody({ deliveryId: received.id, plain: body, expiresAt })];
  return { events, statements: [...statements, ...sealed], guard: keys.length === 0 ? undefined : keysGuard(received, keys) };
}

/** All keys or none: a key that expired is taken over, one that is held leaves the whole statement without a row. */
function keysGuard({ triggerId, id }: DeliveryReceived, keys: IncomingDelivery['keys']): Statement {
  return {
    text: `insert into state.delivery_key as held (trigger_id, key, delivery_id, expires_at)
      select $1, k.key, $2, now() + k.seconds * interval '1 second'
      from unnest($3::text[], $4::int[]) as k(key, seconds)
      where not exists (
        select from state.delivery_key d where d.trigger_id = $1 and d.key = any ($3::text[]) and d.expires_at > now())
      on conflict (trigger_id, key) do update set delivery_id = $2, expires_at = excluded.expires_at
        where held.expires_at <= now()
      returning key`,
    values: [triggerId, id, keys.map(({ key }) => key), keys.map(({ keepSeconds }) => keepSeconds)],
  };
}

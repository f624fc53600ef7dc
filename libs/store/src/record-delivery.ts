import { delivery, type DeliveryReceived } from '#domain/delivery';
import type { BatchItem } from './batch.js';
import type { Cause } from './decide.js';
import { onNew } from './operation.js';
import type { Secrets } from './secrets.js';
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

/** One delivery as an item of a batch: a duplicate when one of its keys is taken. */
export function deliveryItem(store: Store, secrets: Secrets, incoming: IncomingDelivery, cause: Cause): BatchItem {
  const { received, body, bodyDays, keys } = incoming;
  const { events, statements } = store.propose(
    [onNew(delivery, received.id, { type: 'RecordDelivery', received })],
    cause,
  );
  const expiresAt = new Date(Date.now() + bodyDays * 86_400_000).toISOString();
  const sealed = body === null ? [] : [secrets.sealBody({ deliveryId: received.id, plain: body, expiresAt })];
  const owner = { triggerId: received.triggerId, deliveryId: received.id };
  return { events, statements: [...statements, ...sealed], keys: keys.map((key) => ({ ...key, ...owner })) };
}

import { delivery } from '#domain/delivery';
import type { Cause } from './decide.js';
import { on } from './operation.js';
import type { Store } from './store.js';

/**
 * Ends a delivery once every binding was judged and no deployment of its is waiting or running. Whoever ends the last
 * one calls it; two at once append one event; a call that a crash took away is made by the sweep.
 */
export async function settleDelivery(store: Store, deliveryId: string, cause: Cause): Promise<void> {
  const { rows } = await store.pool.query<{ open: boolean }>({
    name: 'delivery-open',
    text: `select not d.is_dispatched or exists (
        select from view.deployment p where p.delivery_id = d.id and p.status in ('waiting', 'running')) as open
      from view.delivery d where d.id = $1 and d.status in ('accepted', 'dispatching')`,
    values: [deliveryId],
  });
  if (rows[0]?.open === false) await store.commit([on(delivery, deliveryId, { type: 'SettleDelivery' })], cause);
}

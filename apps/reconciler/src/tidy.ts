import type { Logger } from '#runtime/logging';
import { pruneHistory } from '#store/prune-history';
import { pruneReleases } from '#store/prune-releases';
import { readSettings } from '#store/settings';
import type { Store } from '#store/store';

const EVERY_MS = 60_000;

/** Rows of the `state` schema that have an end. */
const EXPIRED = [
  'delete from state.delivery_body where expires_at < now()',
  'delete from state.delivery_key where expires_at < now()',
  'delete from state.idempotency_key where expires_at < now()',
  'delete from state.session where expires_at < now()',
  `delete from state.setup_code where expires_at < now() - interval '1 day'`,
  `delete from state.heal where at < now() - interval '1 day'`,
  // A port that a stranger listened on is drawn again once in a while.
  'delete from state.port where container_port = 0',
  // Addresses that a network of somebody else had may be free again.
  'delete from state.network where name is null',
  `delete from state.memo m using view.workload w where w.id = m.workload_id and w.lifecycle = 'gone'`,
  // Processes that are gone; a node's last words stay until it is forgotten.
  `delete from state.heartbeat h where h.seen_at < now() - interval '1 day' and exists (
    select from state.heartbeat n where n.node = h.node and n.seen_at > h.seen_at)`,
  // Of hosts that are served no longer, or without TLS.
  `delete from state.certificate where seen_at < now() - interval '1 day'`,
  // Of containers that are gone: those that are there are seen every hour.
  `delete from state.log_cursor where seen_at < now() - interval '7 days'`,
  // The log of a deployment is kept for 30 days, and for the last 50 of its workload as long as those are.
  `delete from state.deployment_log l using (
      select d.id from view.deployment d
      where d.ended_at < now() - interval '30 days'
        and exists (select from state.deployment_log x where x.deployment_id = d.id)
        and (select count(*) from (
          select from view.deployment n where n.workload_id = d.workload_id and n.id > d.id limit 50) newer) = 50) old
    where l.deployment_id = old.id`,
  // That of a teardown goes by the workload's id.
  `delete from state.deployment_log l using view.workload w
    where w.id = l.deployment_id and w.lifecycle = 'gone' and w.updated_at < now() - interval '30 days'`,
];

/** Throws away what has expired, once. */
export async function tidyOnce(store: Store): Promise<void> {
  for (const statement of EXPIRED) await store.pool.query(statement);
  const { logDays } = await readSettings(store);
  await store.pool.query(`delete from state.log_chunk where last_at < now() - $1 * interval '1 day'`, [logDays]);
  await pruneReleases(store, 'system:reconciler');
  await pruneHistory(store, 'system:reconciler');
}

/** The same, every minute. */
export function createTidy(store: Store, logger: Logger) {
  let timer: NodeJS.Timeout | undefined;
  let tidying: Promise<unknown> = Promise.resolve();
  return {
    start() {
      timer = setInterval(() => {
        tidying = tidyOnce(store).catch((error: unknown) =>
          logger.warn({ err: error }, 'Expired rows could not be removed'),
        );
      }, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
      await tidying;
    },
  };
}

import type { Logger } from '#runtime/logging';
import { pruneReleases } from '#store/prune-releases';
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
  // The log of a deployment is kept for 30 days, and for the last 50 of its workload as long as those are.
  `delete from state.deployment_log l using view.deployment d
    where d.id = l.deployment_id and d.ended_at < now() - interval '30 days'
      and (select count(*) from view.deployment n where n.workload_id = d.workload_id and n.id > d.id) >= 50`,
];

/** Throws away what has expired, every minute. */
export function createTidy(store: Store, logger: Logger) {
  let timer: NodeJS.Timeout | undefined;
  let tidying: Promise<unknown> = Promise.resolve();
  const tidy = async () => {
    for (const statement of EXPIRED) await store.pool.query(statement);
    await pruneReleases(store, 'system:reconciler');
  };
  return {
    start() {
      timer = setInterval(() => {
        tidying = tidy().catch((error: unknown) => logger.warn({ err: error }, 'Expired rows could not be removed'));
      }, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
      await tidying;
    },
  };
}

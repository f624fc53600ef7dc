import type { Pool } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { streamOf } from '#domain/decider';
import { retention, type OldStreams } from '#domain/retention';
import { onNew } from './operation.js';
import { readSettings } from './settings.js';
import type { Statement } from './statement.js';
import type { Store } from './store.js';

/** Streams of a kind that go in one commit; the next one takes more. */
const MOST = 200;

/**
 * Gives up deliveries and deployments that ended more than `settings.historyDays` ago, whole: events, rows, bodies and
 * logs, in one commit. Never what may be brought back, nor what came after the release that serves: the row of its
 * workload is made of that. Returns how many streams went.
 */
export async function pruneHistory(store: Store, actor: string): Promise<number> {
  const { historyDays } = await readSettings(store);
  if (historyDays === null) return 0;
  let pruned = 0;
  for (;;) {
    const old = await findOld(store.pool, historyDays);
    const count = old.deliveryIds.length + old.deploymentIds.length;
    if (count === 0) return pruned;
    const id = uuidv7();
    const cause = { actor, correlationId: id, extra: forget(old) };
    await store.commit([onNew(retention, id, { type: 'PruneLog', ...old })], cause);
    pruned += count;
  }
}

async function findOld(pool: Pool, days: number): Promise<OldStreams> {
  const { rows } = await pool.query<OldStreams>({
    name: 'old-streams',
    // What was recorded just now has no position yet: it goes the next time.
    text: `with fresh as (select e.stream from log.unsequenced u join log.event e on e.id = u.event_id)
      select array(
        select id::text from view.delivery
          where status not in ('accepted', 'dispatching') and coalesce(settled_at, received_at) < now() - $1 * interval '1 day'
            and 'delivery-' || id not in (select stream from fresh)
          order by id limit ${MOST}) as "deliveryIds",
      array(
        select d.id::text from view.deployment d join view.workload w on w.id = d.workload_id
          where d.ended_at < now() - $1 * interval '1 day' and not d.is_unfinished and d.id < w.current_deployment_id
            and not d.is_pinned and (d.status not in ('succeeded', 'rolled_back') or d.pruned_at is not null)
            and 'deployment-' || d.id not in (select stream from fresh)
          order by d.id limit ${MOST}) as "deploymentIds"`,
    values: [days],
  });
  return rows[0]!;
}

function forget({ deliveryIds, deploymentIds }: OldStreams): readonly Statement[] {
  const streams = [
    ...deliveryIds.map((id) => streamOf('delivery', id)),
    ...deploymentIds.map((id) => streamOf('deployment', id)),
  ];
  return [
    { text: 'delete from state.delivery_body where delivery_id = any ($1::uuid[])', values: [deliveryIds] },
    { text: 'delete from state.deployment_log where deployment_id = any ($1::uuid[])', values: [deploymentIds] },
    { text: 'select log.prune($1)', values: [streams] },
  ];
}

import type { ReactionName } from '#domain/reactions';
import { RUN_STATE_OWED } from '../run-state-owed.js';
import type { WorkerDeps } from '../deps.js';

/** What came for this workload while its lease was held here, and was sent away for it: its job comes back at once. */
export async function handOver({ store, queues }: WorkerDeps, workloadId: string): Promise<void> {
  const { rows } = await store.pool.query<{ name: ReactionName; id: string; node: string; eventId: string }>({
    name: 'hand-over',
    text: `(select 'deploy' as name, d.id::text, d.node, e.id as "eventId"
        from view.deployment d join log.event e on e.stream = 'deployment-' || d.id and e.version = 1
        where d.workload_id = $1 and d.is_unfinished and (d.retry_at is null or d.retry_at <= now())
        order by (d.status = 'waiting'), d.id limit 1)
      union all (${RUN_STATE_OWED} and w.id = $1)`,
    values: [workloadId],
  });
  for (const { name, id, node, eventId } of rows) queues.add({ name, subjectId: id, node }, eventId, 0);
}

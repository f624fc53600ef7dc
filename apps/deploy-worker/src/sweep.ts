import type { Pool } from 'pg';
import type { Reaction, ReactionName } from '#domain/reactions';
import { readSettings } from '#store/settings';
import type { WorkerDeps } from './deps.js';
import { RUN_STATE_OWED } from './run-state-owed.js';

/** Something that is wanted and held by nobody. */
interface Wanted {
  readonly name: ReactionName;
  readonly subjectId: string;
  readonly node: string | null;
  readonly eventId: string;
}

const MOST_PER_SWEEP = 500;

/**
 * The one net under the queue: whatever is wanted, older than a moment and held by nobody gets its job again. Lost
 * jobs, dead leases, an emptied Redis and a crash between commit and enqueue are all the same case.
 */
export function createSweep(deps: Pick<WorkerDeps, 'store' | 'queues' | 'node' | 'lease' | 'logger'>) {
  const attempts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  let isStopped = false;
  const loop = () => {
    timer = setTimeout(() => {
      sweeping = sweepOnce(deps, attempts)
        .then(
          () => undefined,
          (error: unknown) => deps.logger.warn({ err: error }, 'The sweep failed; the next one tries again'),
        )
        .finally(() => (isStopped ? undefined : loop()));
    }, deps.lease.sweepMs);
  };
  return {
    start: loop,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await sweeping;
    },
  };
}

export async function sweepOnce(
  { store, queues, node, lease }: Pick<WorkerDeps, 'store' | 'queues' | 'node' | 'lease'>,
  attempts: Map<string, number>,
): Promise<number> {
  const { maxTriggerFanOutConcurrency } = await readSettings(store);
  const wanted = await findWanted(store.pool, {
    node,
    olderThanMs: lease.sweepMs,
    mostPerDelivery: maxTriggerFanOutConcurrency,
  });
  const keys = new Set(wanted.map(keyOf));
  for (const key of attempts.keys()) if (!keys.has(key)) attempts.delete(key);
  let added = 0;
  for (const each of wanted) {
    const attempt = attempts.get(keyOf(each)) ?? 0;
    const state = await queues.state(reactionOf(each), each.eventId, attempt);
    // Active, although nobody holds the lease: its worker died. BullMQ's own check would take longer.
    const next = state === 'active' ? attempt + 1 : attempt;
    if (state !== 'missing' && state !== 'active') continue;
    attempts.set(keyOf(each), next);
    queues.add(reactionOf(each), each.eventId, next);
    added += 1;
  }
  return added;
}

interface Search {
  readonly node: string;
  readonly olderThanMs: number;
  /** A delivery with that many deployments running makes the others wait: the end of one calls the next. */
  readonly mostPerDelivery: number;
}

async function findWanted(pool: Pool, { node, olderThanMs, mostPerDelivery }: Search): Promise<readonly Wanted[]> {
  const { rows } = await pool.query<Wanted>({
    name: 'sweep',
    text: `
      with full_delivery as materialized (
        select delivery_id as id from view.deployment
          where status = 'running' and delivery_id is not null group by delivery_id having count(*) >= $3)
      (select 'deploy' as name, d.id::text as "subjectId", d.node, e.id as "eventId"
        from view.deployment d join log.event e on e.stream = 'deployment-' || d.id and e.version = 1
        where d.is_unfinished and d.node = $1 and (d.retry_at is null or d.retry_at <= now())
          and (d.status <> 'waiting' or not exists (
            select from view.deployment r where r.workload_id = d.workload_id and r.is_unfinished and r.status <> 'waiting'))
          and d.requested_at < now() - $2 * interval '1 millisecond'
          and not (d.status = 'waiting' and exists (select from full_delivery f where f.id = d.delivery_id))
          and not exists (select from state.lease l where l.subject = 'workload-' || d.workload_id and l.until > clock_timestamp())
        order by d.id limit ${MOST_PER_SWEEP})
      union all
      (select 'fan-out', d.id::text, null, e.id
        from view.delivery d join log.event e on e.stream = 'delivery-' || d.id and e.version = 1
        where d.status in ('accepted', 'dispatching') and (d.retry_at is null or d.retry_at <= now())
          and d.received_at < now() - $2 * interval '1 millisecond'
          and not (d.is_dispatched and exists (
            select from view.deployment p where p.delivery_id = d.id and p.status in ('waiting', 'running')))
          and not exists (select from state.lease l where l.subject = 'delivery-' || d.id and l.until > clock_timestamp())
        order by d.id limit ${MOST_PER_SWEEP})
      union all
      (${RUN_STATE_OWED} and w.node = $1 and w.updated_at < now() - $2 * interval '1 millisecond'
          and not exists (select from state.lease l where l.subject = 'workload-' || w.id and l.until > clock_timestamp())
        order by w.id limit ${MOST_PER_SWEEP})
      union all
      (select 'teardown', w.id::text, w.node, e.id
        from view.workload w join log.event e on e.stream = 'workload-' || w.id and e.type = 'WorkloadDeleted'
        where w.lifecycle = 'deleting' and w.node = $1 and w.updated_at < now() - $2 * interval '1 millisecond'
          and not exists (select from state.lease l where l.subject = 'workload-' || w.id and l.until > clock_timestamp())
        order by w.id limit ${MOST_PER_SWEEP})
      union all
      (select 'remove-volume', v.name || '@' || v.node, v.node, e.id
        from view.volume v join log.event e on e.stream = 'volume-' || v.name || '@' || v.node and e.version = v.version
        where v.removal->>'status' = 'asked' and v.node = $1 and v.updated_at < now() - $2 * interval '1 millisecond'
          and not exists (select from state.lease l where l.subject = 'workload-' || v.workload_id and l.until > clock_timestamp())
        order by v.name limit ${MOST_PER_SWEEP})`,
    values: [node, olderThanMs, mostPerDelivery],
  });
  return rows;
}

function reactionOf({ name, subjectId, node }: Wanted): Reaction {
  return { name, subjectId, node };
}

function keyOf({ name, eventId }: Wanted): string {
  return `${name}-${eventId}`;
}

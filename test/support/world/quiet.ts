import { Redis } from 'ioredis';
import type { World } from './world.js';

/** What is wanted and held by nobody, although nothing keeps it waiting. */
const UNHELD = `
  select 'deployment-' || d.id as stream, 'deploy-' || e.id as job
    from view.deployment d join log.event e on e.stream = 'deployment-' || d.id and e.version = 1
    where d.is_unfinished and (d.retry_at is null or d.retry_at <= now())
      and (d.status <> 'waiting' or not exists (
        select from view.deployment r where r.workload_id = d.workload_id and r.is_unfinished and r.status <> 'waiting'))
      and not exists (select from state.lease l where l.subject = 'workload-' || d.workload_id and l.until > clock_timestamp())
  union all
  select 'delivery-' || d.id, 'fan-out-' || e.id
    from view.delivery d join log.event e on e.stream = 'delivery-' || d.id and e.version = 1
    where d.status in ('accepted', 'dispatching') and (d.retry_at is null or d.retry_at <= now())
      and not exists (select from view.deployment p where p.delivery_id = d.id and p.status in ('waiting', 'running'))
      and not exists (select from state.lease l where l.subject = 'delivery-' || d.id and l.until > clock_timestamp())
  union all
  select 'unsequenced', 'none' from log.unsequenced u join log.event e on e.id = u.event_id
    where e.occurred_at < now() - interval '1 second' having count(*) > 0`;

const OPEN = `
  select 'deployment ' || id || ' is ' || status || coalesce(', again at ' || retry_at, '') as what
    from view.deployment where is_unfinished
  union all select 'delivery ' || id || ' is ' || status from view.delivery where status in ('accepted', 'dispatching')
  union all select 'workload ' || name || ' is being deleted' from view.workload where lifecycle = 'deleting'
  union all select 'event ' || event_id || ' has no position' from log.unsequenced
  union all select 'lease ' || subject || ' of ' || owner from state.lease
    where until > clock_timestamp() and (subject like 'workload-%' or subject like 'delivery-%')`;

const LONGEST_UNHELD_MS = 5_000;
const LOOK_MS = 100;

/** Waits until nobody owes anything; what is not so in time, or waited unheld for more than 5 s, comes back in words. */
export async function untilQuiet(world: World, deadlineMs = 60_000): Promise<readonly string[]> {
  const end = Date.now() + deadlineMs;
  const unheldSince = new Map<string, number>();
  const broken = new Set<string>();
  const redis = new Redis(world.redis.url);
  try {
    for (;;) {
      for (const each of await unheldTooLong(world, redis, unheldSince)) broken.add(each);
      const { rows } = await world.store.pool.query<{ what: string }>(OPEN);
      if (rows.length === 0) return [...broken];
      if (Date.now() > end) return [...broken, ...rows.map(({ what }) => `I2: after ${deadlineMs / 1000} s ${what}`)];
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    redis.disconnect();
  }
}

async function unheldTooLong(world: World, redis: Redis, since: Map<string, number>): Promise<readonly string[]> {
  const { rows } = await world.store.pool.query<{ stream: string; job: string }>(UNHELD);
  const now = Date.now();
  for (const stream of [...since.keys()]) if (!rows.some((row) => row.stream === stream)) since.delete(stream);
  const broken: string[] = [];
  for (const { stream, job } of rows) {
    if (!since.has(stream)) since.set(stream, now);
    if (now - since.get(stream)! <= LONGEST_UNHELD_MS) continue;
    if (job !== 'none' && (await redis.keys(`bull:*:${job}-*`)).length > 0) continue;
    broken.push(`I5: ${stream} waited for more than ${LONGEST_UNHELD_MS / 1000} s without a job or a holder`);
  }
  return broken;
}

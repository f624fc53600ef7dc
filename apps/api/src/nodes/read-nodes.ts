import type { DataSource } from 'typeorm';
import type { NodeAnswer } from './node.dto.js';

/**
 * Every node that is known: those that joined, and those that workloads are on. One query, however many processes.
 * Those that left are not shown; those that went silent for an hour.
 */
export function readNodes(reads: DataSource): Promise<NodeAnswer[]> {
  return reads.query(`
    with known as (
      select name from view.node union select node from view.workload where lifecycle <> 'gone'),
    process as (
      select h.*, h.silent_at <= clock_timestamp() as is_silent,
        (select count(*)::int from state.lease l
          where l.owner = h.owner and l.until > clock_timestamp() and l.subject like 'workload-%') as busy,
        exists (select from state.lease l where l.subject = 'node-' || h.node and l.owner = h.owner
          and l.until > clock_timestamp()) and h.role = 'reconciler' as is_leader
      from state.heartbeat h)
    select k.name, n.engine,
      coalesce((select max(p.silent_at) <= clock_timestamp() from process p where p.node = k.name), true) as "isSilent",
      (select max(p.seen_at) from process p where p.node = k.name) as "lastSeenAt",
      exists (select from process p where p.node = k.name and p.role = 'deploy-worker' and p.left_at is null
        and not p.is_silent) as "isServed",
      (select l.owner from state.lease l where l.subject = 'node-' || k.name and l.until > clock_timestamp()) as leader,
      (select jsonb_build_object('freeBytes', p.free_bytes, 'totalBytes', p.total_bytes) from process p
        where p.node = k.name and p.free_bytes is not null order by p.seen_at desc limit 1) as disk,
      coalesce((select jsonb_agg(jsonb_build_object('owner', p.owner, 'role', p.role, 'release', p.release,
          'engineAnswers', p.engine is not null, 'isLeader', p.is_leader, 'busy', p.busy, 'isSilent', p.is_silent,
          'startedAt', p.started_at, 'lastSeenAt', p.seen_at) order by p.role, p.started_at, p.owner)
        from process p where p.node = k.name and p.left_at is null
          and p.seen_at > clock_timestamp() - interval '1 hour'), '[]') as processes,
      (select count(*)::int from view.workload w where w.node = k.name and w.lifecycle <> 'gone') as workloads,
      (select jsonb_build_object('running', count(*) filter (where d.status = 'running'),
          'waiting', count(*) filter (where d.status = 'waiting'))
        from view.deployment d where d.node = k.name and d.is_unfinished) as deployments
    from known k left join view.node n on n.name = k.name order by k.name`);
}

/** Names that a workload may be put on: `default` is always one, whoever serves it later. */
export async function knownNodes(reads: DataSource, own: string): Promise<readonly string[]> {
  const rows: { name: string }[] = await reads.query('select name from view.node');
  return [...new Set(['default', own, ...rows.map(({ name }) => name)])].sort();
}

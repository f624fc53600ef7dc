import type { Pool } from 'pg';

export interface Next {
  readonly id: string;
  /** For the holder of the workload's lease: workers that had it at hand before and never came back. */
  readonly lost: number;
}

/**
 * What is to be done next for a workload: its running deployment before its waiting one, each only when it is due. A
 * running one that waits for its retry keeps the waiting one waiting.
 */
export async function nextOfWorkload(pool: Pool, workloadId: string): Promise<Next | null> {
  const { rows } = await pool.query<Next>({
    name: 'next-of-workload',
    text: `select first.id, coalesce(l.holders - 1, 0) as lost from (
        select id, retry_at from view.deployment where workload_id = $1 and is_unfinished
        order by (status = 'waiting'), id limit 1) first
        left join state.lease l on l.subject = 'workload-' || $1::text and l.at_hand = first.id::text
      where retry_at is null or retry_at <= now()`,
    values: [workloadId],
  });
  return rows[0] ?? null;
}

/** The delivery's oldest waiting deployment, with the event that asked for it. */
export async function nextOfDelivery(
  pool: Pool,
  deliveryId: string,
): Promise<{ id: string; node: string; eventId: string } | null> {
  const { rows } = await pool.query<{ id: string; node: string; eventId: string }>({
    name: 'next-of-delivery',
    text: `select d.id, d.node, e.id as "eventId"
      from view.deployment d join log.event e on e.stream = 'deployment-' || d.id and e.version = 1
      where d.delivery_id = $1 and d.status = 'waiting' and (d.retry_at is null or d.retry_at <= now()) order by d.id limit 1`,
    values: [deliveryId],
  });
  return rows[0] ?? null;
}

/** The delivery has as many deployments running as the settings allow: whoever ends one makes room. */
export function isDeliveryFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'TF004';
}

import type { DataSource, SelectQueryBuilder } from 'typeorm';
import { Delivery } from '#store/views/delivery.entity';
import { notFound, type Identity } from '../access/identity.js';
import { pageOf, type Page } from '../http/page.js';
import type {
  DeliveriesQuery,
  DeliveryAnswer,
  DeliveryDetail,
  Outcome,
  OutcomesView,
  VerdictAnswer,
} from './delivery.dto.js';

/** What became of a verdict (`v`) with its deployment (`p`). */
const OUTCOME = `case
  when v.verdict = 'errored' then 'errored'
  when v.verdict = 'filtered' then case when v.code in ('held', 'stopped', 'deleting', 'static', 'duplicate', 'overlap', 'baseline') then 'skipped' else 'noMatch' end
  when p.status is null or p.status in ('waiting', 'running') then 'pending'
  when p.status = 'succeeded' then 'deployed'
  when p.status in ('failed', 'rolled_back') then 'errored'
  else 'skipped' end`;
const JUDGED = 'view.verdict v left join view.deployment p on p.id = v.deployment_id';

/** Newest first; a caller with some workloads sees what concerned them. */
export async function listDeliveries(
  reads: DataSource,
  who: Identity,
  query: DeliveriesQuery,
): Promise<Page<DeliveryAnswer>> {
  const rows = visible(reads, who);
  if (query.triggerId !== undefined) rows.andWhere('delivery.trigger_id = :triggerId', { triggerId: query.triggerId });
  if (query.outcome !== undefined) {
    const some = `exists (select from ${JUDGED} where v.delivery_id = delivery.id and ${OUTCOME} = :outcome)`;
    const open =
      query.outcome === 'pending'
        ? "or (not delivery.is_dispatched and delivery.status in ('accepted', 'dispatching'))"
        : '';
    rows.andWhere(`(${some} ${open})`, { outcome: query.outcome });
  }
  const page = await pageOf(rows, query);
  return { ...page, items: await answers(reads, who, page.items) };
}

/** Throws `not-found`. */
export async function readDelivery(reads: DataSource, who: Identity, id: string): Promise<DeliveryDetail> {
  const row = await visible(reads, who).andWhere('delivery.id = :id', { id }).getOne();
  if (row === null) throw notFound('delivery');
  const verdicts: VerdictAnswer[] = await reads.query(
    `select v.binding_id as "bindingId", v.workload_id as "workloadId", v.verdict, v.code, v.reason, v.inputs,
        v.deployment_id as "deploymentId", ${OUTCOME} as outcome
      from ${JUDGED} where v.delivery_id = $1 and ($2::uuid[] is null or v.workload_id = any ($2)) order by v.ordinal`,
    [id, who.workloadIds],
  );
  const [answer] = await answers(reads, who, [row]);
  return { ...answer!, verdicts };
}

function visible(reads: DataSource, who: Identity): SelectQueryBuilder<Delivery> {
  const query = reads.getRepository(Delivery).createQueryBuilder('delivery').where('true');
  if (who.workloadIds === null) return query;
  const some = 'exists (select from view.verdict v where v.delivery_id = delivery.id and v.workload_id = any(:scope))';
  return query.andWhere(some, { scope: who.workloadIds });
}

/** Outcomes of all rows in one query; bindings that have no verdict yet are pending. */
async function answers(reads: DataSource, who: Identity, rows: readonly Delivery[]): Promise<DeliveryAnswer[]> {
  const counts: { id: string; outcome: Outcome; count: number }[] = await reads.query(
    `select v.delivery_id as id, ${OUTCOME} as outcome, count(*)::int as count from ${JUDGED}
        where v.delivery_id = any ($1::uuid[]) and ($2::uuid[] is null or v.workload_id = any ($2)) group by 1, 2
      union all
      select d.id, 'pending', count(*)::int from view.delivery d join view.binding b on b.trigger_id = d.trigger_id and b.enabled
        where d.id = any ($1::uuid[]) and not d.is_dispatched and d.status in ('accepted', 'dispatching')
          and ($2::uuid[] is null or b.workload_id = any ($2))
          and not exists (select from view.verdict v where v.delivery_id = d.id and v.binding_id = b.id) group by 1`,
    [rows.map(({ id }) => id), who.workloadIds],
  );
  return rows.map(({ isDispatched: _dispatched, attempt: _attempt, ...row }) => {
    const outcomes: OutcomesView = { deployed: 0, skipped: 0, noMatch: 0, errored: 0, pending: 0 };
    for (const { id, outcome, count } of counts) if (id === row.id) outcomes[outcome] += count;
    return { ...row, outcomes };
  });
}

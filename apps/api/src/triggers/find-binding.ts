import type { DataSource } from 'typeorm';
import { notFound, type Identity } from '../access/identity.js';
import { cut, readCursor, type Page, type PageQuery } from '../http/page.js';
import type { BindingAnswer } from './trigger.dto.js';

const UUID = /^[0-9a-f-]{36}$/;
const SELECT = `select b.id, b.trigger_id as "triggerId", t.name as "triggerName", t.kind as "triggerKind",
    b.workload_id as "workloadId", w.name as "workloadName", b.enabled, b.override, b.version,
    b.created_at as "createdAt", b.updated_at as "updatedAt"
  from view.binding b join view.trigger t on t.id = b.trigger_id join view.workload w on w.id = b.workload_id`;

type Row = Omit<BindingAnswer, 'overriddenFields'>;

/** Throws `not-found`, also for a workload that the caller may not see. */
export async function findBinding(reads: DataSource, who: Identity, id: string): Promise<BindingAnswer> {
  const rows: Row[] = await reads.query(`${SELECT} where b.id = $1`, [id]);
  const row = rows[0];
  if (row === undefined || (who.workloadIds !== null && !who.workloadIds.includes(row.workloadId)))
    throw notFound('binding');
  return answerOf(row);
}

/** Newest first. */
export async function listBindings(
  reads: DataSource,
  by: { readonly column: 'trigger_id' | 'workload_id'; readonly id: string },
  { limit, cursor }: PageQuery,
): Promise<Page<BindingAnswer>> {
  const rows: Row[] = await reads.query(
    `${SELECT} where b.${by.column} = $1 and ($2::uuid is null or b.id < $2) order by b.id desc limit $3`,
    [by.id, readCursor(cursor, UUID), limit + 1],
  );
  return cut(rows.map(answerOf), limit, ({ id }) => id);
}

function answerOf(row: Row): BindingAnswer {
  return { ...row, overriddenFields: Object.keys(row.override).sort() };
}

import type { DataSource } from 'typeorm';
import { Trigger } from '#store/views/trigger.entity';
import { notFound } from '../access/identity.js';
import type { TriggerAnswer } from './trigger.dto.js';

export async function findTrigger(reads: DataSource, id: string): Promise<Trigger> {
  const found = await reads.getRepository(Trigger).findOneBy({ id });
  if (found === null) throw notFound('trigger');
  return found;
}

/** What a list shows beside the row, for all of them in one query. */
export async function triggerAnswers(reads: DataSource, rows: readonly Trigger[]): Promise<TriggerAnswer[]> {
  const counts: { id: string; bindings: number; last: Date | null }[] = await reads.query(
    `select t.id, (select count(*)::int from view.binding b where b.trigger_id = t.id) as bindings,
        (select d.received_at from view.delivery d where d.trigger_id = t.id order by d.id desc limit 1) as last
      from unnest($1::uuid[]) as t(id)`,
    [rows.map(({ id }) => id)],
  );
  const byId = new Map(counts.map((count) => [count.id, count]));
  return rows.map((row) => {
    const {
      id,
      kind,
      name,
      config,
      webhookEnabled: enabled,
      signingSecret,
      vendor,
      version,
      createdAt,
      updatedAt,
    } = row;
    const webhook = { enabled, signed: signingSecret !== null, vendor, lastDeliveryAt: byId.get(id)?.last ?? null };
    return {
      id,
      kind,
      name,
      config,
      webhook,
      bindingCount: byId.get(id)?.bindings ?? 0,
      version,
      createdAt,
      updatedAt,
    };
  });
}

export async function triggerAnswer(reads: DataSource, id: string): Promise<TriggerAnswer> {
  const [answer] = await triggerAnswers(reads, [await findTrigger(reads, id)]);
  return answer!;
}

import type { DataSource } from 'typeorm';
import { checkConfig } from '#plugins/config';
import { upcoming } from '#plugins/timetable';
import { Trigger } from '#store/views/trigger.entity';
import { notFound } from '../access/identity.js';
import type { Plugins } from '../dependencies.js';
import type { TriggerAnswer } from './trigger.dto.js';

const RUNS = 5;

interface Reading {
  readonly reads: DataSource;
  readonly plugins: Plugins;
}

export async function findTrigger(reads: DataSource, id: string): Promise<Trigger> {
  const found = await reads.getRepository(Trigger).findOneBy({ id });
  if (found === null) throw notFound('trigger');
  return found;
}

/** What a list shows beside the row, for all of them in one query. */
export async function triggerAnswers({ reads, plugins }: Reading, rows: readonly Trigger[]): Promise<TriggerAnswer[]> {
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
      nextRuns: nextRuns(row, plugins),
      version,
      createdAt,
      updatedAt,
    };
  });
}

/** By the trigger's own config: an override may give a binding another timetable. */
function nextRuns({ id, kind, config }: Trigger, { triggers }: Plugins): string[] {
  const plugin = triggers.find((each) => each.kind === kind);
  const timetable = plugin?.timetable?.(checkConfig(plugin.config, config).value);
  return timetable === undefined ? [] : upcoming(id, timetable, new Date(), RUNS).map((at) => at.toISOString());
}

export async function triggerAnswer(reading: Reading, id: string): Promise<TriggerAnswer> {
  const [answer] = await triggerAnswers(reading, [await findTrigger(reading.reads, id)]);
  return answer!;
}

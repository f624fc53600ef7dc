import type { Pool } from 'pg';
import type { AcceptedCandidate, Override } from '#domain/binding';
import { effectiveOf } from '#plugins/effective-config';
import type { Source } from '#plugins/source';
import type { Trigger } from '#plugins/trigger';

/** An enabled binding of a trigger that acts by itself, with the config that counts. */
export interface Subscription {
  readonly triggerId: string;
  readonly trigger: Trigger;
  readonly bindingId: string;
  readonly config: object;
  readonly last: AcceptedCandidate | null;
}

interface Row {
  readonly triggerId: string;
  readonly kind: string;
  readonly config: Override;
  readonly bindingId: string;
  readonly override: Override;
  readonly last: AcceptedCandidate | null;
  readonly sourceKind: string;
  readonly sourceConfig: Override;
  /** Versions of what the config is made of. */
  readonly stamp: string;
}

/** Reads them with one query, and puts a config together only where something of it changed. */
export function createSubscriptions(pool: Pool, plugins: { sources: readonly Source[]; triggers: readonly Trigger[] }) {
  let known = new Map<string, { stamp: string; config: object | null }>();
  return async (acts: (trigger: Trigger) => boolean): Promise<readonly Subscription[]> => {
    const triggers = new Map(plugins.triggers.filter(acts).map((trigger) => [trigger.kind, trigger]));
    const rows = await read(pool, [...triggers.keys()]);
    const seen = new Map<string, { stamp: string; config: object | null }>();
    const found = rows.flatMap((row) => {
      const trigger = triggers.get(row.kind)!;
      const kept = known.get(row.bindingId);
      const entry = kept?.stamp === row.stamp ? kept : { stamp: row.stamp, config: configOf(row, trigger, plugins) };
      seen.set(row.bindingId, entry);
      const { triggerId, bindingId, last } = row;
      return entry.config === null ? [] : [{ triggerId, trigger, bindingId, last, config: entry.config }];
    });
    known = seen;
    return found;
  };
}

/** Null: this release cannot read it; the fan-out says so at the next delivery. */
function configOf(row: Row, trigger: Trigger, { sources }: { sources: readonly Source[] }): object | null {
  const { config, override, sourceKind, sourceConfig } = row;
  const source = sources.find(({ kind }) => kind === sourceKind);
  const effective = effectiveOf({ trigger, config, override, source, sourceConfig });
  return effective.errors.length === 0 ? effective.config : null;
}

async function read(pool: Pool, kinds: readonly string[]): Promise<readonly Row[]> {
  const { rows } = await pool.query<Row>({
    name: 'subscriptions',
    text: `select t.id as "triggerId", t.kind, t.config, b.id as "bindingId", b.override, b.last,
        w.source_kind as "sourceKind", w.source_config as "sourceConfig",
        t.version || '.' || md5(b.override::text) || '.' || md5(w.source_config::text) as stamp
      from view.trigger t join view.binding b on b.trigger_id = t.id and b.enabled
        join view.workload w on w.id = b.workload_id and w.lifecycle = 'present'
      where t.kind = any ($1) order by t.id, b.id`,
    values: [kinds],
  });
  return rows;
}

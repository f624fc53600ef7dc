import type { DataSource } from 'typeorm';
import type { Override } from '#domain/binding';
import { Rejection } from '#domain/errors';
import { effectiveOf } from '#plugins/effective-config';
import type { Trigger } from '#plugins/trigger';
import type { Plugins } from '../dependencies.js';

interface Bound {
  readonly id: string;
  readonly override: Override;
  readonly name: string;
  readonly source_kind: string;
  readonly source_config: Override;
}

/** Throws `binding-broken` (409) naming every binding that the trigger's new config would make invalid. */
export async function requireBindingsValid(
  { reads, plugins }: { reads: DataSource; plugins: Plugins },
  { id, plugin, config }: { id: string; plugin: Trigger; config: Override },
): Promise<void> {
  const bound: Bound[] = await reads.query(
    `select b.id, b.override, w.name, w.source_kind, w.source_config
      from view.binding b join view.workload w on w.id = b.workload_id where b.trigger_id = $1 order by w.name`,
    [id],
  );
  const broken = bound.flatMap(({ override, name, source_kind, source_config }) => {
    const source = plugins.sources.find((one) => one.kind === source_kind);
    const { errors } = effectiveOf({ trigger: plugin, config, override, source, sourceConfig: source_config });
    return errors.slice(0, 1).map((error) => ({
      pointer: error.pointer.replace('/override', '/config'),
      detail: `${error.detail} (with the override of workload ${name})`,
      name,
    }));
  });
  if (broken.length === 0) return;
  const names = broken.map(({ name }) => name).join(', ');
  const errors = broken.map(({ pointer, detail }) => ({ pointer, detail }));
  throw new Rejection(
    'binding-broken',
    `The change would break the binding to ${names}. Change that override first.`,
    errors,
  );
}

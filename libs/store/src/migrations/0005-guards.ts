import type { Migration } from './migration.js';

/** Rules across workloads that no unique index can hold: asked after the views are written, before the commit. */
export const guards: Migration = {
  name: '0005-guards',
  up: `
-- What a rollback was decided on still serves; with alone, nothing else is under way.
create function log.assert_serving(workload uuid, deployment uuid, alone boolean) returns void language plpgsql as $$
begin
  perform from view.workload w where w.id = workload and w.current_deployment_id is not distinct from deployment
    and not (alone and w.running_deployment_id is not null) for share;
  if not found then
    raise exception 'deployment % does not serve workload % any more', deployment, workload using errcode = 'TF005';
  end if;
end $$;

-- Whoever changes the stages does it one after the other: two that each put one below the other see each other.
create function log.assert_parent(workload uuid, parent uuid) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(11, 1);
  perform from view.workload w where w.id = parent and w.lifecycle = 'present';
  if not found then
    raise exception 'there is no workload %', parent using errcode = '23503', constraint = 'workload_parent_known';
  end if;
  perform from (
    with recursive above as (
      select w.id, w.parent_id from view.workload w where w.id = parent
      union
      select w.id, w.parent_id from view.workload w join above a on w.id = a.parent_id
    ) select id from above) chain where chain.id = workload;
  if found then
    raise exception 'workload % stands above %', workload, parent using errcode = '23514', constraint = 'workload_parent_cycle';
  end if;
end $$;

create function log.assert_childless(workload uuid) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(11, 1);
  perform from view.workload w where w.parent_id = workload and w.lifecycle <> 'gone';
  if found then
    raise exception 'workload % has children', workload using errcode = '23503', constraint = 'workload_childless';
  end if;
end $$;
`,
};

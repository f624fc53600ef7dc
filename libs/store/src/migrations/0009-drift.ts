import type { Migration } from './migration.js';

export const drift: Migration = {
  name: '0009-drift',
  up: `
-- Whose the containers of an engine are: several installations may share one. Made once, moves with a backup.
create table state.installation (
  is_only boolean primary key default true check (is_only),
  id uuid not null
);

-- One row per attempt to bring back what was lost of a deployment; two reconcilers cannot make the same one.
create table state.heal (
  workload_id uuid not null,
  lost_deployment_id uuid not null,
  attempt int not null,
  desired text not null,
  deployment_id uuid not null,
  at timestamptz not null default clock_timestamp(),
  constraint heal_attempt primary key (workload_id, lost_deployment_id, attempt)
);
create index heal_workload on state.heal (workload_id, at);
create index heal_expiry on state.heal (at);

-- The workload still wants what was lost, and nobody but the healing deployment is at it.
create function log.assert_healable(workload uuid, lost uuid, healing uuid) returns void language plpgsql as $$
begin
  perform from view.workload w
    where w.id = workload and w.current_deployment_id = lost and w.pending_deployment_id = healing
      and w.running_deployment_id is null and w.run_state = 'running' and w.lifecycle = 'present'
      and not exists (select from view.deployment d
        where d.workload_id = workload and d.is_unfinished and d.id <> healing)
    for update;
  if not found then
    raise exception 'workload % does not want deployment % back any more', workload, lost using errcode = 'TF009';
  end if;
end $$;
`,
};

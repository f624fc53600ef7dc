/** Workloads (`w`) that a worker still has to stop or start, once nothing of theirs is being deployed. */
export const RUN_STATE_OWED = `select 'run-state' as name, w.id::text, w.node, e.id as "eventId"
  from view.workload w cross join lateral (
    select id from log.event where stream = 'workload-' || w.id and type in ('WorkloadStopped', 'WorkloadStarted')
      order by version desc limit 1) e
  where not w.is_run_state_reached and w.lifecycle = 'present'
    and not exists (select from view.deployment r where r.workload_id = w.id and r.is_unfinished and r.status <> 'waiting')
    and not exists (select from state.due u where u.subject = 'run-state-' || w.id and u.retry_at > now())`;

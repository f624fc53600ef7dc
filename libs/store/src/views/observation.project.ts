import type { ObservationEvent } from '#domain/observation';
import type { RemovalEvent } from '#domain/removal';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update } from './row.js';

/** Crashes that are remembered per workload: enough for every rule over the last ten minutes. */
const CRASHES = 20;

export function projectObservation(event: Projected<ObservationEvent>): readonly Statement[] {
  const { at } = event;
  switch (event.type) {
    case 'ContainersObserved': {
      const { deploymentId, state, detail, containers, workloadId } = event.data;
      return [
        upsert(event, { deployment_id: deploymentId, state, detail, containers: JSON.stringify(containers) }),
        {
          text: 'update view.workload set condition = $2 where id = $1 and current_deployment_id = $3',
          values: [workloadId, state, deploymentId],
        },
      ];
    }
    case 'DriftObserved':
      return [upsert(event, { findings: JSON.stringify(event.data.findings), drift_since: event.data.since })];
    case 'DriftHealed': {
      const healed = { at, healedBy: event.data.healedBy, findings: event.data.findings };
      return [upsert(event, { findings: '[]', drift_since: null, healed: JSON.stringify(healed) })];
    }
    case 'ContainerCrashed': {
      const { deploymentId, crashes } = event.data;
      return [upsert(event, {}), pushCrash(event.id, { at, deploymentId, crashes })];
    }
    case 'StorageExceeded':
    case 'StorageRecovered':
      return [upsert(event, {})];
    case 'WatchFailed':
      return [upsert(event, { watch_failed: event.data.deploymentId })];
  }
}

export function projectRemoval(event: Projected<RemovalEvent>): readonly Statement[] {
  const { id: node, version, at } = event;
  switch (event.type) {
    case 'RemovalDeferred': {
      const { containers, total } = event.data;
      const row = { status: 'held', containers: JSON.stringify(containers), total, version, updated_at: at };
      return [remove('view.removal', { node }), insert('view.removal', { node, ...row })];
    }
    case 'RemovalConfirmed':
      return [update('view.removal', { node }, { status: 'confirmed', version, updated_at: at })];
    case 'RemovalEnded':
      return [remove('view.removal', { node })];
  }
}

function upsert(
  { id, version, at }: { id: string; version: number; at: string },
  row: Readonly<Record<string, unknown>>,
): Statement {
  const all = { version, updated_at: at, ...row };
  const columns = Object.keys(all);
  const marks = columns.map((_, index) => `$${index + 2}`);
  return {
    text: `insert into view.observation (workload_id, ${columns.join(', ')}) values ($1, ${marks.join(', ')})
      on conflict (workload_id) do update set ${columns.map((column, index) => `${column} = ${marks[index]}`).join(', ')}`,
    values: [id, ...Object.values(all)],
  };
}

function pushCrash(workloadId: string, crash: object): Statement {
  return {
    text: `update view.observation set crashes =
      case when jsonb_array_length(crashes) >= ${CRASHES} then crashes - 0 else crashes end || $2::jsonb where workload_id = $1`,
    values: [workloadId, JSON.stringify([crash])],
  };
}

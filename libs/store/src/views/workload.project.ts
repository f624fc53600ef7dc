import type { WorkloadEvent } from '#domain/workload';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insert, remove, update } from './row.js';

export function projectWorkload(event: Projected<WorkloadEvent>): readonly Statement[] {
  const { id, version, at } = event;
  const change = (row: Record<string, unknown>) => update('view.workload', { id }, { ...row, version, updated_at: at });
  switch (event.type) {
    case 'WorkloadCreated': {
      const { name, title, stage, sourceKind, sourceConfig, parentId, node, policy, claim } = event.data;
      const source = { source_kind: sourceKind, source_config: sourceConfig, claim };
      const row = { id, name, title, stage, ...source, parent_id: parentId, node, policy };
      return [insert('view.workload', { ...row, version, created_at: at, updated_at: at })];
    }
    case 'WorkloadChanged': {
      const { title, stage, sourceConfig, parentId, policy, claim } = event.data;
      return [change({ title, stage, source_config: sourceConfig, parent_id: parentId, policy, claim })];
    }
    case 'FacesSet':
      return [
        change({ faces: JSON.stringify(event.data.faces) }),
        remove('view.face', { workload_id: id }),
        ...event.data.faces.map(({ host, path, port }) => insert('view.face', { workload_id: id, host, path, port })),
      ];
    case 'EnvSet':
      return [change({ env: event.data.env, env_version: version })];
    case 'EnvUnset':
      return [
        {
          text: 'update view.workload set env = env - $2::text, env_version = $3, version = $3, updated_at = $4 where id = $1',
          values: [id, event.data.key, version, at],
        },
      ];
    case 'VolumesSet':
      return [change({ volumes: JSON.stringify(event.data.volumes) })];
    case 'HoldSet':
      return [change({ hold: event.data })];
    case 'HoldReleased':
      return [change({ hold: null })];
    case 'WorkloadStopped':
      return [change({ run_state: 'stopped', is_run_state_reached: false, start_error: null })];
    case 'WorkloadStarted': {
      const isReached = event.data.deploymentId !== null;
      return [change({ run_state: 'running', is_run_state_reached: isReached, start_error: null })];
    }
    case 'RunStateReached':
      return [change({ is_run_state_reached: true })];
    case 'WorkloadStartFailed':
      return [change({ run_state: 'stopped', is_run_state_reached: true, start_error: event.data })];
    case 'WorkloadDeleted':
      return [change({ lifecycle: 'deleting' })];
    case 'WorkloadTornDown':
      return [change({ lifecycle: 'gone', faces: '[]' }), ...freeFaces(id)];
  }
}

/** What it was configured to serve, and what it served. */
function freeFaces(id: string): readonly Statement[] {
  return [remove('view.face', { workload_id: id }), remove('view.claim', { workload_id: id })];
}

import type { DeploymentRequest } from '#domain/deployment';
import { dockerVolumeName } from '#domain/naming';
import type { VolumeEvent } from '#domain/volume-removal';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { update } from './row.js';

/**
 * The Docker volumes that a deployment will use. A row is never deleted: so whoever writes it locks it, and a replay
 * sees the same order.
 */
export function noteVolumes(request: DeploymentRequest, at: string): readonly Statement[] {
  const { node, workloadId, workloadName } = request;
  return (request.release.volumes ?? []).flatMap(({ scope, source }) => {
    const name = dockerVolumeName(workloadId, { scope, source });
    if (name === null) return [];
    return [{ text: NOTE, values: [node, name, scope, workloadId, workloadName, at] }];
  });
}

/** Whoever named it first keeps it, until it is gone. */
const NOTE = `insert into view.volume as v (node, name, scope, workload_id, workload_name, updated_at)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (node, name) do update set removed_at = null,
    scope = case when v.removed_at is null then v.scope else excluded.scope end,
    workload_id = case when v.removed_at is null then v.workload_id else excluded.workload_id end,
    workload_name = case when v.removed_at is null then v.workload_name else excluded.workload_name end`;

export function projectVolume({ type, data, version, at }: Projected<VolumeEvent>): readonly Statement[] {
  const { node, name } = data;
  const change = (removal: object | null, more: Readonly<Record<string, unknown>> = {}) =>
    update('view.volume', { node, name }, { removal, version, updated_at: at, ...more });
  switch (type) {
    case 'VolumeRemovalRequested':
      return [change({ status: 'asked', code: null, message: null, at })];
    case 'VolumeRemoved':
      return [change(null, { removed_at: at })];
    case 'VolumeRemovalRefused': {
      const { code, message } = data;
      return [change({ status: 'refused', code, message, at })];
    }
  }
}

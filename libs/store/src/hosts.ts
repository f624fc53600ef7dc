import type { Pool } from 'pg';
import type { Face } from '#domain/face';
import type { Statement } from './statement.js';

/** For the commit that claims a deployment: Rejection `host-taken` when another workload serves one of its faces. */
export function assertHosts(deploymentId: string): Statement {
  return { text: 'select log.assert_hosts($1)', values: [deploymentId] };
}

export interface HostOwner {
  /** Host and path. */
  readonly face: string;
  /** Name of the workload. */
  readonly owner: string;
}

/** A face that another workload has: by its config, or because it serves it, or is about to. */
export async function hostOwner(
  pool: Pool,
  { workloadId, faces }: { readonly workloadId: string; readonly faces: readonly Face[] },
): Promise<HostOwner | null> {
  const { rows } = await pool.query<HostOwner>(
    `select f.host || f.path as face, w.name as owner
      from (select workload_id, host, path from view.face union select workload_id, host, path from view.claim) f
        join view.workload w on w.id = f.workload_id
      where f.workload_id <> $1 and (f.host, f.path) in (
        select face->>'host', face->>'path' from jsonb_array_elements($2::jsonb) as face) limit 1`,
    [workloadId, JSON.stringify(faces)],
  );
  return rows[0] ?? null;
}

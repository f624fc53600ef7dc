import type { Store } from '#store/store';

/** Longer than anything that is done under it; it is let go at once. */
const LEASE_MS = 60_000;

export interface HeldWorkload {
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/**
 * Does something to a workload while nobody deploys it, and only if it still runs that deployment; false when somebody
 * is at it.
 */
export async function holdWorkload(
  store: Store,
  { workloadId, currentDeploymentId }: { readonly workloadId: string; readonly currentDeploymentId: string | null },
  run: (held: HeldWorkload) => Promise<void>,
): Promise<boolean> {
  const subject = `workload-${workloadId}`;
  const signal = AbortSignal.timeout(LEASE_MS * 0.7);
  const epoch = await store.leases.acquire({ subject, owner: 'reconciler', ttlMs: LEASE_MS });
  if (epoch === null) return false;
  try {
    if (!(await isStill(store, workloadId, currentDeploymentId))) return false;
    await run({ epoch, signal });
    return true;
  } finally {
    await store.leases.release({ subject, epoch });
  }
}

async function isStill({ pool }: Store, workloadId: string, currentDeploymentId: string | null): Promise<boolean> {
  const { rows } = await pool.query<{ still: boolean }>({
    name: 'still-current',
    text: `select not exists (select from view.deployment where workload_id = $1 and is_unfinished)
        and (select current_deployment_id from view.workload where id = $1) is not distinct from $2 as still`,
    values: [workloadId, currentDeploymentId],
  });
  return rows[0]?.still === true;
}

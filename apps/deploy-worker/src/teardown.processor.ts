import { workload } from '#domain/workload';
import { on } from '#store/operation';
import type { WorkerDeps } from './deps.js';
import { deployment } from '#domain/deployment';
import { openDeploymentLog } from './deploy/deployment-log.js';
import { stepIo } from './deploy/step-io.js';
import { holdLease, type HeldLease } from '#store/held-lease';
import { failpoint } from './failpoint.js';
import { removeRoute, routeDirectory } from '#runtime/route-files';

/** Takes a deleted workload off the node; name and hosts are free afterwards. Volumes stay. */
export async function processTeardown(deps: WorkerDeps, workloadId: string): Promise<void> {
  const { state } = await deps.store.load(workload, workloadId);
  if (state.status !== 'deleting' || state.node !== deps.node) return;
  const source = deps.plugins.sources.find((plugin) => plugin.kind === state.sourceKind);
  if (source === undefined) {
    // Its containers would stay: a worker that knows the kind has to do it.
    deps.logger.warn(
      { workloadId, sourceKind: state.sourceKind },
      'A workload cannot be torn down: this release has no such source',
    );
    return;
  }
  const lease = await holdLease(
    deps.store.leases,
    { subject: `workload-${workloadId}`, owner: deps.owner },
    deps.lease,
  );
  if (lease === null) return;
  try {
    await failpoint('teardown', 'before', workloadId);
    await endWaiting(deps, workloadId, lease);
    const log = await openDeploymentLog(deps.store.pool, workloadId, []);
    for (const step of source.teardown({ workloadId, workloadName: state.name })) {
      lease.signal.throwIfAborted();
      await step.run(stepIo(deps, { lease, workloadId, step: step.name, log }), {});
    }
    await removeRoute(routeDirectory(deps.routesDirectory, workloadId));
    await failpoint('teardown', 'after', workloadId);
    await deps.store.commit([on(workload, workloadId, { type: 'RecordTornDown' })], {
      actor: `system:${deps.owner}`,
      correlationId: workloadId,
      lease: { subject: lease.subject, epoch: lease.epoch },
    });
  } finally {
    await lease.release();
  }
}

/** What has not ended yet never will: there is nothing left to deploy. */
async function endWaiting({ store, owner }: WorkerDeps, workloadId: string, lease: HeldLease): Promise<void> {
  const { rows } = await store.pool.query<{ id: string }>(
    'select id from view.deployment where workload_id = $1 and is_unfinished',
    [workloadId],
  );
  for (const { id } of rows) {
    const message = 'The workload was deleted.';
    await store.commit([on(deployment, id, { type: 'CancelDeployment', message })], {
      actor: `system:${owner}`,
      correlationId: workloadId,
      lease: { subject: lease.subject, epoch: lease.epoch },
    });
  }
}

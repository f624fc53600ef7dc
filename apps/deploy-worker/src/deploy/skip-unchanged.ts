import { deployment, type DeploymentReason, type DeploymentState } from '#domain/deployment';
import { isSameRelease, type ReleaseRecord } from '#domain/release';
import type { Release, Source, StepIo } from '#plugins/source';
import type { HeldLease } from '#store/held-lease';
import { on } from '#store/operation';
import type { Store } from '#store/store';

/** Asked for because something happened; a rollback, a promotion or a heal is asked for on purpose. */
const REASONS: readonly DeploymentReason[] = ['manual', 'webhook', 'poll', 'schedule', 'event'];

export interface Unchanged {
  readonly store: Store;
  readonly lease: HeldLease;
  readonly owner: string;
  readonly source: Source;
  readonly release: Release;
  readonly state: DeploymentState;
  io(step: string): StepIo;
}

/** Ends a waiting deployment of what serves already as `skipped`; null = it is to be run. */
export async function skipUnchanged(run: Unchanged): Promise<DeploymentState | null> {
  const { store, lease, owner, source, release, state } = run;
  const { request, status } = state;
  const mayBeSkipped =
    source.skipsUnchanged && status === 'waiting' && !request?.force && REASONS.includes(request!.reason);
  if (!mayBeSkipped || !(await servesAlready(store, request!.workloadId, request!.release))) return null;
  const message = `${wordsFor(request!.release)} with this very config is what serves. Send force to deploy it all the same.`;
  await store.commit([on(deployment, request!.id, { type: 'SkipDeployment', code: 'unchanged', message })], {
    actor: `system:${owner}`,
    correlationId: request!.id,
    lease: { subject: lease.subject, epoch: lease.epoch },
  });
  await source.skipped?.(release, run.io('skip'));
  return (await store.load(deployment, request!.id)).state;
}

/** What serves and is ill is brought up anew by the same request. */
async function servesAlready({ pool }: Store, workloadId: string, wanted: ReleaseRecord): Promise<boolean> {
  const { rows } = await pool.query<{ release: ReleaseRecord }>({
    name: 'serves-already',
    text: `select d.release from view.workload w join view.deployment d on d.id = w.current_deployment_id
      where w.id = $1 and w.run_state = 'running' and (w.condition is null or w.condition = 'running')`,
    values: [workloadId],
  });
  return rows[0] !== undefined && isSameRelease(rows[0].release, wanted);
}

function wordsFor({ artifact: { repository, tag, sha, digest } }: ReleaseRecord): string {
  const version = sha?.slice(0, 12) ?? digest?.slice(0, 19) ?? tag;
  return `${repository} at ${version}`;
}

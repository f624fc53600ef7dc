import { Rejection, TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import { volumeInUse, volumeRemoval, type VolumePlace } from '#domain/volume-removal';
import { holdLease, type HeldLease } from '#store/held-lease';
import { on } from '#store/operation';
import { findVolumes } from '#store/volumes';
import type { WorkerDeps } from '../deps.js';
import { failpoint } from '../failpoint.js';

/** Removes a volume that somebody asked to be gone, or says why not. What could not be tried comes with the sweep. */
export async function processVolumeRemoval(deps: WorkerDeps, subjectId: string): Promise<void> {
  const workloadId = await owed(deps, subjectId);
  if (workloadId === null) return;
  // No deployment of that workload goes on meanwhile.
  const subject = `workload-${workloadId}`;
  const lease = await holdLease(deps.store.leases, { subject, owner: deps.owner }, deps.lease);
  if (lease === null) return;
  try {
    await failpoint('remove-volume', 'before', workloadId);
    const command = await remove(deps, subjectId, lease);
    await failpoint('remove-volume', 'after', workloadId);
    if (command === null) return;
    await deps.store.commit([on(volumeRemoval, subjectId, command)], {
      actor: `system:${deps.owner}`,
      correlationId: subjectId,
      lease: { subject: lease.subject, epoch: lease.epoch },
    });
  } finally {
    await lease.release();
  }
}

async function owed({ store, node }: WorkerDeps, subjectId: string): Promise<string | null> {
  const { state } = await store.load(volumeRemoval, subjectId);
  return state.status === 'asked' && state.node === node ? state.workloadId : null;
}

/** Null: another worker was faster. */
async function remove(deps: WorkerDeps, subjectId: string, lease: HeldLease) {
  const { state } = await deps.store.load(volumeRemoval, subjectId);
  if (state.status !== 'asked') return null;
  try {
    await removeOurs(deps, state, lease.signal);
    return { type: 'RecordVolumeRemoved' } as const;
  } catch (error) {
    if (!(error instanceof TerminalError) && !(error instanceof Rejection)) throw error;
    return { type: 'RefuseVolumeRemoval', code: error.code, message: error.message } as const;
  }
}

/** A volume that is not there is removed. One that only bears the name is not ours to remove. */
async function removeOurs(deps: WorkerDeps, { node, name }: VolumePlace, signal: AbortSignal): Promise<void> {
  const { docker, store, installation } = deps;
  const found = await docker.inspectVolume(name, signal);
  if (found === null) return;
  if (found.labels[LABELS.installation] !== installation || found.labels[LABELS.workloadId] === undefined) {
    const text = `The volume ${name} was not made by this installation. Remove it by hand (docker volume rm).`;
    throw new TerminalError('volume-foreign', text, 'operator');
  }
  // Since it was asked, somebody may have come to need it.
  const usedBy = (await findVolumes(store.pool, { node, name, limit: 1 }))[0]?.usedBy ?? [];
  if (usedBy.length > 0) throw volumeInUse(name, usedBy);
  await docker.removeVolume(name, signal);
}

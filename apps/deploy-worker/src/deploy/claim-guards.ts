import type { DeploymentRequest } from '#domain/deployment';
import { Rejection, TerminalError } from '#domain/errors';
import type { Release } from '#plugins/source';
import { assertHosts, hostOwner } from '#store/hosts';
import { readSettings } from '#store/settings';
import type { Statement } from '#store/statement';
import type { Store } from '#store/store';

/** What must hold when a waiting deployment is claimed: its faces are nobody else's, its delivery has room. */
export async function guardsOf(
  store: Store,
  { id, deliveryId }: Pick<DeploymentRequest, 'id' | 'deliveryId'>,
): Promise<readonly Statement[]> {
  return [...(await roomGuard(store, deliveryId)), assertHosts(id)];
}

/** The error of a claim, with the name of the workload that serves a face of it. */
export async function explained(store: Store, release: Release, error: unknown): Promise<unknown> {
  if (!(error instanceof Rejection) || error.code !== 'host-taken') return error;
  const { face, owner } = (await hostOwner(store.pool, release)) ?? {
    face: 'One of its faces',
    owner: 'of another name',
  };
  const text = `${face} is served by workload ${owner}. Deploy that one without it, or remove it, and deploy again.`;
  return new TerminalError('host-taken', text);
}

/** The delivery's limit is counted under a lock when a worker claims. */
async function roomGuard(store: Store, deliveryId: string | null): Promise<readonly Statement[]> {
  if (deliveryId === null) return [];
  const { maxTriggerFanOutConcurrency } = await readSettings(store);
  // One more: when it is counted, the deployment that is claimed is among those that run.
  return [{ text: 'select log.assert_room($1, $2)', values: [deliveryId, maxTriggerFanOutConcurrency + 1] }];
}

import { LABELS, portHolderOf } from '#domain/naming';
import type { ContainerSummary } from '#docker/docker';
import type { Facts, StepIo } from '../source.js';
import { containersOf } from './container-facts.js';

/** Which containers are a workload's: by our labels, never by name. */
export interface Owned {
  readonly workloadId: string;
  readonly kind: string;
  /** The one to keep. */
  readonly deploymentId: string;
}

/** Those of every deployment, stopped ones too. */
export async function allOf(
  io: StepIo,
  { workloadId, kind }: Omit<Owned, 'deploymentId'>,
): Promise<readonly ContainerSummary[]> {
  const found = await io.docker.listContainers(
    [`${LABELS.workloadId}=${workloadId}`, `${LABELS.kind}=${kind}`],
    io.signal,
  );
  return found.filter(
    ({ labels }) => labels[LABELS.workloadId] === workloadId && labels[LABELS.deploymentId] !== undefined,
  );
}

/** Those of the workload's other deployments that this one does not stand on, too: the release before, and what failed ones left. */
export async function othersOf(io: StepIo, owned: Owned, facts: Facts): Promise<readonly ContainerSummary[]> {
  const kept = new Set(containersOf(facts).map(({ containerId }) => containerId));
  return (await allOf(io, owned)).filter(
    ({ id, labels }) => labels[LABELS.deploymentId] !== owned.deploymentId && !kept.has(id),
  );
}

/** Stops, removes, gives the ports back. Volumes stay. */
export async function removeContainers(
  io: StepIo,
  containers: readonly ContainerSummary[],
  stopTimeoutSeconds: number,
): Promise<void> {
  await Promise.all(
    containers.map(async ({ id, name, state, labels }) => {
      if (state === 'running' || state === 'restarting')
        await io.docker.stopContainer(id, stopTimeoutSeconds, io.signal);
      await io.docker.removeContainer(id, io.signal);
      await io.releasePorts(portHolderOf({ name, labels }));
      io.log(`Removed container ${name}`, 'step');
    }),
  );
}

import { LABELS } from '#domain/naming';
import type { ContainerSummary } from '#docker/docker';
import type { StepIo } from '../source.js';

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

/** Those of the workload's other deployments: the release before, and what failed ones left behind. */
export async function othersOf(io: StepIo, owned: Owned): Promise<readonly ContainerSummary[]> {
  return (await allOf(io, owned)).filter(({ labels }) => labels[LABELS.deploymentId] !== owned.deploymentId);
}

/** Stops, removes, gives the ports back. Volumes stay. */
export async function removeContainers(
  io: StepIo,
  containers: readonly ContainerSummary[],
  stopTimeoutSeconds: number,
): Promise<void> {
  await Promise.all(
    containers.map(async ({ id, name, state }) => {
      if (state === 'running' || state === 'restarting')
        await io.docker.stopContainer(id, stopTimeoutSeconds, io.signal);
      await io.docker.removeContainer(id, io.signal);
      await io.releasePorts(name);
      io.log(`Removed container ${name}`, 'step');
    }),
  );
}

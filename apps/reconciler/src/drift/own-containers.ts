import { LABELS } from '#domain/naming';
import type { ContainerSummary } from '#docker/docker';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Those of this installation: several may share an engine. Containers from before there was a label for it are ours
 * when their workload is. Whatever lacks a workload and a deployment that could be ours is somebody else's.
 */
export function ownContainers(
  containers: readonly ContainerSummary[],
  { installation, workloadIds }: { readonly installation: string; readonly workloadIds: ReadonlySet<string> },
): readonly ContainerSummary[] {
  return containers.filter(({ labels }) => {
    const workloadId = labels[LABELS.workloadId] ?? '';
    if (!UUID.test(workloadId) || !UUID.test(labels[LABELS.deploymentId] ?? '')) return false;
    const owner = labels[LABELS.installation];
    return owner === undefined ? workloadIds.has(workloadId) : owner === installation;
  });
}

export function workloadOf({ labels }: ContainerSummary): string {
  return labels[LABELS.workloadId] ?? '';
}

export function deploymentOf({ labels }: ContainerSummary): string {
  return labels[LABELS.deploymentId] ?? '';
}

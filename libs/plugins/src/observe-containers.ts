import { LABELS } from '#domain/naming';
import type { ContainerSummary } from '#docker/docker';
import type { Observation } from './source.js';

export interface WantedContainers {
  readonly workloadId: string;
  readonly deploymentId: string;
  /** How many. */
  readonly wanted: number;
}

/** Of a source that runs so many containers alike. */
export function observeContainers(
  { workloadId, deploymentId, wanted }: WantedContainers,
  containers: readonly ContainerSummary[],
): Observation {
  const own = containers.filter(({ labels }) => labels[LABELS.workloadId] === workloadId);
  const current = own.filter(({ labels }) => labels[LABELS.deploymentId] === deploymentId);
  const healthy = current.filter(({ state, health }) => state === 'running' && health !== 'unhealthy');
  if (healthy.length === wanted && current.length === wanted)
    return { state: 'running', detail: `${wanted} of ${wanted} running` };
  const ill = current
    .filter(({ id }) => !healthy.some((each) => each.id === id))
    .map(({ name, state, health }) => {
      return `${name} is ${health === 'unhealthy' ? health : state}`;
    });
  const detail = [`${healthy.length} of ${wanted} running`, ...ill].join('; ');
  return { state: healthy.length === 0 ? 'missing' : 'degraded', detail };
}

import { LABELS } from '#domain/naming';
import type { NodeSnapshot, Observation, Release } from '../../source.js';
import type { ImageConfig } from './config.dto.js';

export function observe(
  { workloadId, deploymentId, config }: Release<ImageConfig>,
  { containers }: NodeSnapshot,
): Observation {
  const own = containers.filter(({ labels }) => labels[LABELS.workloadId] === workloadId);
  const current = own.filter(({ labels }) => labels[LABELS.deploymentId] === deploymentId);
  const healthy = current.filter(({ state, health }) => state === 'running' && health !== 'unhealthy');
  const wanted = config.maxInstances;
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

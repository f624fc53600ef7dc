import { observeContainers } from '../../observe-containers.js';
import type { NodeSnapshot, Observation, Release } from '../../source.js';
import type { ImageConfig } from './config.dto.js';

export function observe(
  { workloadId, deploymentId, config }: Release<ImageConfig>,
  { containers }: NodeSnapshot,
): Observation {
  return observeContainers({ workloadId, deploymentId, wanted: config.maxInstances }, containers);
}

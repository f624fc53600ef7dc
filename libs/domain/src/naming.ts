import type { Volume } from './volume.js';

/** The last 8 hex digits of an id: the first 8 of a UUIDv7 are a clock, equal for a minute. */
export function id8(id: string): string {
  return id.replaceAll('-', '').slice(-8);
}

export function containerName(workload: { name: string; id: string }, deploymentId: string, instance: number): string {
  return `tf-${workload.name}-${id8(workload.id)}-${id8(deploymentId)}-${instance}`;
}

/** The one-off container before the switch. */
export function hookName(workload: { name: string; id: string }, deploymentId: string): string {
  return `tf-${workload.name}-${id8(workload.id)}-${id8(deploymentId)}-pre-deploy`;
}

/** What Docker calls a volume; null where it is none of Docker's. */
export function dockerVolumeName(
  workloadId: string,
  { scope, source }: Pick<Volume, 'scope' | 'source'>,
): string | null {
  if (scope === 'project_named') return `tf-${id8(workloadId)}-${source}`;
  return scope === 'named' ? source : null;
}

/** Labels on whatever we make in Docker; `epoch` is information only. */
export const LABELS = {
  workloadId: 'tinyforge.workload.id',
  kind: 'tinyforge.kind',
  deploymentId: 'tinyforge.deployment.id',
  epoch: 'tinyforge.epoch',
  /** Several installations may share an engine: each looks at its own only. */
  installation: 'tinyforge.installation',
  /** By what the host ports of a container are kept; left out: by its name. */
  ports: 'tinyforge.ports',
} as const;

/** By what a container's host ports are kept. */
export function portHolderOf({ name, labels }: { name: string; labels: Readonly<Record<string, string>> }): string {
  return labels[LABELS.ports] ?? name;
}

/** Marks networks of ours; its value is the name that workloads know one by. */
export const NETWORK_LABEL = 'tinyforge.network';

/** Docker's name of a private network: installations on one engine may use the same name. */
export function privateNetworkName(installation: string, name: string): string {
  return `tf-${id8(installation)}-${name}`;
}

/** The bridge that workloads stand on; inter-container communication is off. */
export const NETWORK = 'tinyforge';

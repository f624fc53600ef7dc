import { createHash } from 'node:crypto';
import type { ContainerSummary, Mount } from '#docker/docker';
import { containerName, LABELS } from '#domain/naming';
import { layoutOf, type RouteLayout } from '../../routing/port-groups.js';
import type { Facts, Release, StepIo } from '../../source.js';
import { allOf } from '../../steps/owned-containers.js';
import { labelsOf } from '../../steps/owned-labels.js';
import type { ComposeConfig } from './config.dto.js';
import { pinOf, pinsOf, type Pins } from './pins.js';
import { fileOf, PROJECT_LABEL, type Prepared, type PreparedService } from './prepare.js';
import { replicasOf, serviceOf, tiesOf } from './services.js';
import type { ComposeFile } from './read-file.js';

export const KIND = 'compose';
export const SERVICE_LABEL = 'com.docker.compose.service';
/** What a container was made from: the same again leaves it alone, and its labels with it. */
const CONFIG_LABEL = 'tinyforge.compose.config';

/** A service as the override file has it. */
export interface Placed {
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly mounts: readonly Mount[];
  /** `127.0.0.1:<host>:<container>` */
  readonly ports: readonly string[];
}

/** A release with all that its steps have found out. */
export interface Standing {
  readonly release: Release<ComposeConfig>;
  readonly file: ComposeFile;
  readonly prepared: Prepared;
  readonly pins: Pins;
  /** Of the workload's own volumes, for the routed service. */
  readonly mounts: readonly Mount[];
}

export function standingOf(release: Release<ComposeConfig>, facts: Facts): Standing {
  const prepared = facts['compose'] as Prepared;
  const pins = pinsOf(facts);
  const mounts = (facts['mounts'] as readonly Mount[] | undefined) ?? [];
  return { release, file: fileOf(release), prepared, pins, mounts };
}

/** `beside`: a new generation comes up next to the old one; `in-place`: there is one at a time; null: nothing is routed. */
export function modeOf({ config }: Pick<Release<ComposeConfig>, 'config'>, file: ComposeFile) {
  if (config.routedService === null) return null;
  return tiesOf(file, config.routedService).length === 0 ? 'beside' : 'in-place';
}

export function layoutFor({ config, faces }: Release<ComposeConfig>, file: ComposeFile): RouteLayout {
  const { routedService: routed, port } = config;
  if (routed === null) return layoutOf([], { port: null, instances: 1 });
  return layoutOf(faces, { port, instances: replicasOf(file, routed) });
}

/** Container ports of the routed service that are published on loopback. */
export function portsFor({ config, faces }: Release<ComposeConfig>): readonly number[] {
  const { port, healthcheck } = config;
  const probed = healthcheck?.path ? (healthcheck.port ?? port) : null;
  const wanted = [port, probed, ...faces.map((face) => face.port)].filter((each) => each !== null);
  return [...new Set(wanted)].sort((a, b) => a - b);
}

/** By what the host ports of one instance are kept: Compose names its containers only when it makes them. */
export function portHolder(
  { workloadId, workloadName, deploymentId }: Release<ComposeConfig>,
  instance: number,
): string {
  return containerName({ id: workloadId, name: workloadName }, deploymentId, instance);
}

/** Those of the workload in this project. */
export async function ownContainers(io: StepIo, { release, prepared }: Pick<Standing, 'release' | 'prepared'>) {
  const all = await allOf(io, { workloadId: release.workloadId, kind: KIND });
  return all.filter(({ labels }) => labels[PROJECT_LABEL] === prepared.project);
}

/** A service that is to be recreated only where it changed. */
export function placeInPlace(
  io: StepIo,
  standing: Standing,
  { service, existing }: { readonly service: PreparedService; readonly existing: readonly ContainerSummary[] },
): Placed {
  const { release, file, pins } = standing;
  const image = pinOf(service, pins);
  const made = hashOf([serviceOf(file, service.name), image, service.mounts]);
  const same = existing.find(({ labels }) => labels[SERVICE_LABEL] === service.name && labels[CONFIG_LABEL] === made);
  const ours = Object.values<string>(LABELS);
  const kept = same && Object.fromEntries(Object.entries(same.labels).filter(([key]) => ours.includes(key)));
  const labels = kept ?? labelsOf({ ...release, kind: KIND }, io);
  return { labels: { ...labels, [CONFIG_LABEL]: made }, image, mounts: service.mounts, ports: [] };
}

/** One instance of the routed service, with ports of its own. */
export async function placeRouted(
  io: StepIo,
  standing: Standing,
  { service, instance }: { readonly service: PreparedService; readonly instance: number },
): Promise<Placed> {
  const { release, pins, mounts } = standing;
  const holder = portHolder(release, instance);
  const ports: string[] = [];
  for (const port of portsFor(release)) ports.push(`127.0.0.1:${await io.port(holder, port)}:${port}`);
  const labels = { ...labelsOf({ ...release, kind: KIND }, io), [LABELS.ports]: holder };
  return { labels, image: pinOf(service, pins), mounts: [...service.mounts, ...mounts], ports };
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

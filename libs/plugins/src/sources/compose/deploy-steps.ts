import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import type { Image } from '#docker/docker';
import type { Release, Step, StepIo } from '../../source.js';
import { allOf, removeContainers } from '../../steps/owned-containers.js';
import { pullImage, refuseOtherPlatform } from '../../steps/pull-image.js';
import { collect, upBeside, upInPlace } from './bring-up.js';
import type { ComposeConfig } from './config.dto.js';
import { pinOf, resolvePins } from './pins.js';
import { KIND, modeOf, standingOf, type Standing } from './placed.js';
import { fileOf, prepare, writeFile, type Prepared } from './prepare.js';

export interface Deploying {
  readonly release: Release<ComposeConfig>;
  readonly previous: Release<ComposeConfig> | null;
}

/** Facts: `compose`, what the CLI makes of the file. Nothing of it runs yet. */
export function configStep({ release, previous }: Deploying): Step {
  return {
    name: 'config',
    run: async (io) => ({ compose: await prepare(io, release) }),
    undo: async (io) => void (await (previous === null ? io.compose.clear() : writeFile(io, previous))),
  };
}

/** Facts: `images`, every one pinned; all of them are on the host afterwards. */
export function pullStep({ release, previous }: Deploying): Step {
  return {
    name: 'pull',
    async run(io, facts) {
      const { services } = facts['compose'] as Prepared;
      const { artifact } = release;
      const images = await resolvePins(io, services, { artifact, before: previous?.artifact.images ?? {} });
      const engine = await io.docker.ping(io.signal);
      for (const pin of new Set(services.map((service) => pinOf(service, images)))) {
        const present = await io.docker.inspectImage(pin, io.signal);
        const image = present ?? (await fetchImage(io, pin));
        refuseOtherPlatform(image, engine, pin);
        io.log(`${present ? 'On the host' : 'Pulled'}: ${pin} is ${image.id.slice(0, 19)}`, 'step');
      }
      return { images };
    },
  };
}

async function fetchImage(io: StepIo, pin: string): Promise<Image> {
  if (!pin.startsWith('sha256:')) return pullImage(io, pin, null);
  const text = `Image ${pin.slice(0, 19)} is no longer on this host, and no registry has it. Build or load it again and deploy it.`;
  throw new TerminalError('no-such-image', text, 'operator');
}

/** What stays in its place. Undone by bringing the file before back, whole. */
export function upStep({ release, previous }: Deploying): Step {
  return {
    name: 'up',
    async run(io, facts) {
      const standing = standingOf(release, facts);
      await upInPlace(io, standing);
      return modeOf(release, standing.file) === 'beside' ? {} : collect(io, standing);
    },
    undo: (io) => restore(io, release, previous),
  };
}

/** The routed service beside what serves. Facts: `containers`, `routePorts`. */
export function startStep({ release }: Deploying): Step {
  return {
    name: 'start',
    async run(io, facts) {
      const standing = standingOf(release, facts);
      await upBeside(io, standing);
      return collect(io, standing);
    },
    undo: (io) => removeOf(io, release),
  };
}

/** The last good file again: what this deployment made goes, what it replaced comes back. */
async function restore(
  io: StepIo,
  release: Release<ComposeConfig>,
  previous: Release<ComposeConfig> | null,
): Promise<void> {
  if (previous === null) {
    await removeOf(io, release);
    await removeNetworks(io, release.workloadId);
    return io.compose.clear();
  }
  const routed = modeOf(release, fileOf(release)) === 'in-place' ? release.config.routedService : null;
  await removeOf(io, release, routed);
  const standing = await standingAgain(io, previous);
  await upInPlace(io, standing);
  if (modeOf(previous, standing.file) === 'beside') await upBeside(io, standing);
  await removeOf(io, release);
  const { routePorts = [] } = (await collect(io, standing)) as { routePorts?: readonly number[] };
  const serving = await io.route.current();
  if (routePorts.length > 0 && serving !== null && serving.join() !== routePorts.join())
    await io.route.switchTo(routePorts);
}

async function standingAgain(io: StepIo, release: Release<ComposeConfig>): Promise<Standing> {
  const prepared = await prepare(io, release);
  const pins = await resolvePins(io, prepared.services, { artifact: release.artifact, before: {} });
  const mounts = release.volumes?.length ? await io.volumes.prepare(release) : [];
  return { release, file: fileOf(release), prepared, pins, mounts };
}

const UNDO_STOP_SECONDS = 10;

/** Those of one deployment, of one service where it is named. */
async function removeOf(io: StepIo, release: Release<ComposeConfig>, service?: string | null): Promise<void> {
  if (service === null) return;
  const { workloadId, deploymentId, config } = release;
  const all = await allOf(io, { workloadId, kind: KIND });
  const mine = all.filter(
    ({ labels }) =>
      labels[LABELS.deploymentId] === deploymentId &&
      (service === undefined || labels['com.docker.compose.service'] === service),
  );
  await removeContainers(io, mine, Math.min(config.stopTimeoutSeconds, UNDO_STOP_SECONDS));
}

/** Networks of the workload that nothing stands on. */
export async function removeNetworks(io: StepIo, workloadId: string): Promise<void> {
  const names = await io.docker.listNetworks([`${LABELS.workloadId}=${workloadId}`], io.signal);
  for (const name of names) await io.docker.removeNetwork(name, io.signal);
}

import { TerminalError } from '#domain/errors';
import type { Image } from '#docker/docker';
import type { Facts, Release, Step, StepIo } from '../../source.js';
import { pullImage, refuseOtherPlatform } from '../../steps/pull-image.js';
import type { ImageConfig } from './config.dto.js';

/** Facts: `imageId`, and `imageEnv`, the names of the variables that the image sets itself. An image that is on the host by its digest asks no registry. */
export function pullStep(release: Release<ImageConfig>): Step {
  return {
    name: 'pull',
    async run(io) {
      const [engine, present] = await Promise.all([
        io.docker.ping(io.signal),
        io.docker.inspectImage(nameOf(release), io.signal),
      ]);
      const image = present ?? (await pull(io, release));
      refuseOtherPlatform(image, engine, nameOf(release));
      io.log(`${present ? 'On the host' : 'Pulled'}: ${nameOf(release)} is ${image.id.slice(0, 19)}`, 'step');
      return { imageId: image.id, ...(image.envKeys && { imageEnv: image.envKeys }) };
    },
  };
}

/** What a container is made from: the pinned name, or the id of an image that has no digest. */
export function imageOf({ artifact: { repository, digest } }: Release<ImageConfig>, facts: Facts): string {
  return digest === null ? String(facts['imageId']) : `${repository}@${digest}`;
}

function nameOf({ artifact: { repository, digest, tag, localId } }: Release<ImageConfig>): string {
  if (digest !== null) return `${repository}@${digest}`;
  return localId ?? `${repository}:${tag ?? 'latest'}`;
}

async function pull(io: StepIo, release: Release<ImageConfig>): Promise<Image> {
  const name = nameOf(release);
  const { pullPolicy, registryName } = release.config;
  if (name === release.artifact.localId) {
    const text = `Image ${name.slice(0, 19)} is no longer on this host, and no registry has it. Build or load it again and deploy it.`;
    throw new TerminalError('no-such-image', text, 'operator');
  }
  if (pullPolicy === 'never') {
    const text = `${name} is not on this host, and pullPolicy is "never". Load it (docker load, docker build) or choose another policy.`;
    throw new TerminalError('no-such-image', text, 'operator');
  }
  return pullImage(io, name, registryName);
}

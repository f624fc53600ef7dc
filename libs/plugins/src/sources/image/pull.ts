import { RetryableError, TerminalError } from '#domain/errors';
import type { Image } from '#docker/docker';
import type { Facts, Release, Step, StepIo } from '../../source.js';
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
  const host = name.slice(0, name.indexOf('/'));
  const { credential } = await io.registry(host, registryName);
  const options = { platform: null, progress: (line: string) => io.log(line), signal: io.signal };
  // Docker keeps Hub's logins under the name of its first version.
  const serverAddress = host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
  return io.docker
    .pull(name, { ...options, credential: credential && { ...credential, serverAddress } })
    .catch((error: unknown) => {
      throw explain(error, name);
    });
}

/** The engine's message says what happened; this adds which image and what to do. */
function explain(error: unknown, name: string): unknown {
  if (error instanceof RetryableError && error.code === 'registry-unreachable' && !error.message.includes(name)) {
    return new RetryableError(error.code, `${name} could not be pulled: ${error.message}`, error.retryAfterSeconds);
  }
  return error;
}

/** What an engine of that architecture runs besides its own, by its processor. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };
const OTHER_NAMES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm', i686: '386' };

function refuseOtherPlatform(image: Image, engine: { os: string; arch: string }, name: string): void {
  const arch = OTHER_NAMES[engine.arch] ?? engine.arch;
  const wanted = OTHER_NAMES[image.architecture] ?? image.architecture;
  const isSameOs = image.os === '' || image.os === engine.os;
  if (isSameOs && (wanted === '' || wanted === arch || (ALSO_RUNS[arch] ?? []).includes(wanted))) return;
  const text = `${name} is built for ${image.os}/${wanted}, and this host runs ${engine.os}/${arch}. Push an image for it too (docker buildx build --platform).`;
  throw new TerminalError('wrong-platform', text);
}

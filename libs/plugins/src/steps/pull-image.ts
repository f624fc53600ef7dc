import { RetryableError, TerminalError } from '#domain/errors';
import type { Image } from '#docker/docker';
import type { StepIo } from '../source.js';

/** `name`: `host/repository[:tag][@digest]`; the registry's record by name, else by its host. */
export async function pullImage(io: StepIo, name: string, registryName: string | null): Promise<Image> {
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

/** Throws {@link TerminalError} `wrong-platform`. */
export function refuseOtherPlatform(image: Image, engine: { os: string; arch: string }, name: string): void {
  const arch = OTHER_NAMES[engine.arch] ?? engine.arch;
  const wanted = OTHER_NAMES[image.architecture] ?? image.architecture;
  const isSameOs = image.os === '' || image.os === engine.os;
  if (isSameOs && (wanted === '' || wanted === arch || (ALSO_RUNS[arch] ?? []).includes(wanted))) return;
  const text = `${name} is built for ${image.os}/${wanted}, and this host runs ${engine.os}/${arch}. Push an image for it too (docker buildx build --platform).`;
  throw new TerminalError('wrong-platform', text);
}

import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import type { Image } from '#docker/docker';
import type { Facts, Release, StepIo } from '../../source.js';
import type { StaticConfig } from './config.dto.js';
import { imageName } from './names.js';
import { KIND } from './reference.js';

/** Labels of an image: all that a deployment needs to know of it, wherever it was built. */
const COMMIT = 'tinyforge.site.commit';
const MODE = 'tinyforge.site.mode';
const ENTRY = 'tinyforge.site.entry';

/** What a container of it runs. */
export interface Site {
  readonly mode: 'static' | 'deno';
  /** Of a Deno program. */
  readonly entry: string | null;
}

export function siteLabels(io: StepIo, release: Release<StaticConfig>, site: Site): Readonly<Record<string, string>> {
  return {
    [LABELS.workloadId]: release.workloadId,
    [LABELS.kind]: KIND,
    [LABELS.installation]: io.installation,
    [COMMIT]: release.artifact.sha ?? '',
    [MODE]: site.mode,
    ...(site.entry !== null && { [ENTRY]: site.entry }),
  };
}

/**
 * The image of this release, if the host has it. What was promoted or is brought back is that very image and is never
 * built anew: {@link TerminalError} `no-such-image` when it is gone.
 */
export async function findBuilt(io: StepIo, release: Release<StaticConfig>): Promise<Image | null> {
  const { localId, sha } = release.artifact;
  if (localId === undefined) {
    const found = await io.docker.inspectImage(await nameFor(io, release), io.signal);
    return found !== null && isOf(found, { io, release }) ? found : null;
  }
  const image = await io.docker.inspectImage(localId, io.signal);
  if (image !== null) return image;
  const text = `The image ${localId.slice(0, 19)} of this site is no longer on this host. Deploy commit ${sha?.slice(0, 12)} again: that builds it.`;
  throw new TerminalError('no-such-image', text, 'operator');
}

export async function nameFor(io: StepIo, release: Release<StaticConfig>): Promise<string> {
  return imageName(release, await baseOf(io, release));
}

export async function baseOf(io: StepIo, { config }: Release<StaticConfig>): Promise<string> {
  return (await io.settings()).baseImages[config.mode];
}

/** A name is anybody's to give. */
function isOf({ labels = {} }: Image, { io, release }: { io: StepIo; release: Release<StaticConfig> }): boolean {
  return (
    labels[LABELS.workloadId] === release.workloadId &&
    labels[LABELS.installation] === io.installation &&
    labels[COMMIT] === release.artifact.sha
  );
}

export function factsOf({ id, envKeys, labels = {} }: Image): Facts {
  const site: Site = { mode: labels[MODE] === 'deno' ? 'deno' : 'static', entry: labels[ENTRY] ?? null };
  return { imageId: id, site, ...(envKeys && { imageEnv: envKeys }) };
}

export function imageIdOf(facts: Facts): string {
  return String(facts['imageId']);
}

export function siteOf(facts: Facts): Site {
  return (facts['site'] as Site | undefined) ?? { mode: 'static', entry: null };
}

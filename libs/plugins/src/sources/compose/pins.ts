import { RetryableError, TerminalError } from '#domain/errors';
import type { Image } from '#docker/docker';
import { nameOf, parseReference, type ImageReference } from '../../oci/reference.js';
import { resolveTag } from '../../oci/registry-client.js';
import type { Artifact, Facts, StepIo } from '../../source.js';
import type { PreparedService } from './prepare.js';

/** `host/repository:tag`, or `host/repository` for all of its tags → what the engine is told: `repo@digest` or an id. */
export type Pins = Readonly<Record<string, string>>;

export function pinsOf(facts: Facts): Pins {
  return (facts['images'] as Pins | undefined) ?? {};
}

/** What a service runs. */
export function pinOf({ image }: Pick<PreparedService, 'image'>, pins: Pins): string {
  const reference = referenceOf(image);
  return fixedPin(image, reference) ?? pins[keyOf(reference)] ?? pins[nameOf(reference)] ?? image;
}

/**
 * Every image of a release by digest; one that only this host has by its id. What an event names is that, all else stays
 * as it serves. Throws {@link TerminalError} `no-such-tag`, `no-such-image`, `registry-denied`.
 */
export async function resolvePins(
  io: StepIo,
  services: readonly PreparedService[],
  { artifact, before }: { readonly artifact: Artifact; readonly before: Pins },
): Promise<Pins> {
  const given = artifact.images;
  const pins: Record<string, string> = { ...given };
  for (const service of services) {
    const reference = referenceOf(service.image);
    const [key, name] = [keyOf(reference), nameOf(reference)];
    if (fixedPin(service.image, reference) !== null || pins[key] !== undefined || pins[name] !== undefined) continue;
    const kept = given === undefined ? undefined : (before[key] ?? before[name]);
    pins[key] = kept ?? (await resolve(io, { reference, policy: service.pullPolicy }));
  }
  return pins;
}

function referenceOf(image: string): ImageReference {
  const reference = parseReference(image);
  if (reference !== null) return reference;
  throw new TerminalError('invalid-compose', `"${image.slice(0, 100)}" is no image name.`);
}

function fixedPin(image: string, reference: ImageReference): string | null {
  if (/^sha256:[0-9a-f]{64}$/.test(image)) return image;
  return reference.digest === null ? null : `${nameOf(reference)}@${reference.digest}`;
}

function keyOf(reference: ImageReference): string {
  return `${nameOf(reference)}:${reference.tag ?? 'latest'}`;
}

interface Wanted {
  readonly reference: ImageReference;
  readonly policy: string | null;
}

const FROM_HOST = ['never', 'missing', 'if_not_present'];

async function resolve(io: StepIo, { reference, policy }: Wanted): Promise<string> {
  const local = await io.docker.inspectImage(keyOf(reference), io.signal);
  if (local !== null && FROM_HOST.includes(policy ?? '')) return localPin(local, reference);
  if (policy === 'never')
    throw new TerminalError(
      'no-such-image',
      `${keyOf(reference)} is not on this host, and its pull_policy is "never".`,
    );
  try {
    const access = await io.registry(reference.registry, null);
    const digest = await resolveTag(io, { access, repository: reference.repository }, reference.tag ?? 'latest');
    return `${nameOf(reference)}@${digest}`;
  } catch (error) {
    const isKnown = error instanceof TerminalError || error instanceof RetryableError;
    if (!isKnown || io.signal.aborted || local === null || local.repoDigests.length > 0) throw error;
    io.log(`${keyOf(reference)} is in no registry: the image of this host is taken`, 'step');
    return local.id;
  }
}

function localPin(image: Image, reference: ImageReference): string {
  const own = image.repoDigests.map(parseReference).find((each) => each !== null && nameOf(each) === nameOf(reference));
  return own?.digest ? `${nameOf(reference)}@${own.digest}` : image.id;
}

import type { Wish } from '../../inbound.js';
import { isDigest, isTag, nameOf, parseReference, type ImageReference } from '../../oci/reference.js';
import { resolveTag } from '../../oci/registry-client.js';
import type { Artifact, Ref, ResolveIo, Skip } from '../../source.js';
import type { OwnSubject } from '../../trigger.js';
import type { ImageConfig } from './config.dto.js';

export function own({ image }: ImageConfig): OwnSubject {
  const parsed = parseReference(image);
  return { image: parsed && nameOf(parsed), repo: null };
}

/** A tag in the image's own name stands for `defaultTag`; a digest in it is kept until a wish names another version. */
export function reference(wish: Wish, config: ImageConfig): Ref | Skip {
  const image = parseReference(config.image);
  if (!image) return { skip: 'invalid-image', reason: `"${config.image}" is no image name.` };
  if (wish.image?.repository !== undefined && !isSame(wish.image.repository, image)) {
    return {
      skip: 'other-repository',
      reason: `The event is about ${wish.image.repository}, this workload runs ${nameOf(image)}.`,
    };
  }
  const version = versionOf(wish, config, image);
  if ('skip' in version) return version;
  if (version.tag !== null && !isTag(version.tag))
    return { skip: 'invalid-tag', reason: `"${version.tag.slice(0, 80)}" is no tag.` };
  if (version.digest !== null && !isDigest(version.digest))
    return { skip: 'invalid-digest', reason: 'The digest is not sha256 and 64 hex digits.' };
  return refOf(image, version, config);
}

/** A wish with a digest asks nobody; a local image has no digest and is pinned by its id later. */
export async function resolve(ref: Ref, io: ResolveIo): Promise<Artifact> {
  const artifact = { kind: ref.kind, repository: `${ref.host}/${ref.repository}`, tag: ref.tag, digest: ref.digest };
  if (ref.digest !== null || !ref.remote) return artifact;
  const access = await io.registry(ref.host, ref.registryName);
  return { ...artifact, digest: await resolveTag(io, { access, repository: ref.repository }, ref.tag ?? 'latest') };
}

interface Version {
  readonly tag: string | null;
  readonly digest: string | null;
}

function versionOf({ image: asked, git }: Wish, config: ImageConfig, image: ImageReference): Version | Skip {
  if (asked?.digest !== undefined) return { tag: asked.tag ?? null, digest: asked.digest };
  if (asked?.tag !== undefined) return { tag: asked.tag, digest: null };
  if (git !== undefined && config.tagTemplate !== null) {
    const tag = fill(config.tagTemplate, git);
    return typeof tag === 'string' ? { tag, digest: null } : tag;
  }
  return { tag: image.tag ?? (image.digest === null ? config.defaultTag : null), digest: image.digest };
}

/** `{{sha}}`, `{{tag}}`, `{{branch}}`; a slash and whatever else a tag cannot hold become a dash. */
function fill(template: string, git: NonNullable<Wish['git']>): string | Skip {
  const missing = [...template.matchAll(PLACEHOLDER)]
    .map(([, key]) => key as 'sha' | 'tag' | 'branch')
    .find((key) => !git[key]);
  if (missing)
    return { skip: 'tag-template', reason: `tagTemplate asks for the ${missing}, which this event does not have.` };
  const filled = template.replaceAll(PLACEHOLDER, (_, key: 'sha' | 'tag' | 'branch') => git[key] ?? '');
  return filled
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 128);
}

const PLACEHOLDER = /\{\{(sha|tag|branch)\}\}/g;

/** "always" asks the registry now; the others take what the host has, so there is nothing to ask. */
function refOf(image: ImageReference, { tag, digest }: Version, { pullPolicy, registryName }: ImageConfig): Ref {
  const remote = pullPolicy === 'always';
  const key = JSON.stringify([nameOf(image), tag, digest, registryName, remote]);
  return { kind: 'image', key, host: image.registry, repository: image.repository, tag, digest, registryName, remote };
}

function isSame(wanted: string, image: ImageReference): boolean {
  const parsed = parseReference(wanted);
  return parsed !== null && nameOf(parsed) === nameOf(image);
}

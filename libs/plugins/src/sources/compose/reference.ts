import { createHash } from 'node:crypto';
import { isDigest, isTag, nameOf, parseReference, type ImageReference } from '../../oci/reference.js';
import { resolveTag } from '../../oci/registry-client.js';
import type { Wish } from '../../inbound.js';
import type { Artifact, Ref, ResolveIo, Skip } from '../../source.js';
import type { OwnSubject } from '../../trigger.js';
import type { ComposeConfig } from './config.dto.js';
import { KIND } from './placed.js';
import { readFile, type ComposeFile } from './read-file.js';
import { activeServices, serviceOf } from './services.js';
import { withDefaults } from './variables.js';

/** The image of the routed service, else of the first one that names one. */
export function own({ yaml, routedService }: ComposeConfig): OwnSubject {
  const read = readFile(yaml);
  if ('problem' in read) return { image: null, repo: null };
  const names = routedService === null ? activeServices(read.file) : [routedService, ...activeServices(read.file)];
  const first = names.map((name) => imageOf(read.file, name)).find((image) => image !== null);
  return { image: first ? nameOf(first) : null, repo: null };
}

/** An image makes the services of its repository that version; anything else is the file as it is, its tags asked anew. */
export function reference(wish: Wish, config: ComposeConfig): Ref | Skip {
  const read = readFile(config.yaml);
  if ('problem' in read) return { skip: 'invalid-compose', reason: `The Compose file ${read.problem}.` };
  const asked = wish.image;
  const isOfImage = asked !== undefined && (asked.tag !== undefined || asked.digest !== undefined);
  if (asked?.repository === undefined && !isOfImage) return ofFile(config);
  const image = parseReference(asked?.repository ?? own(config).image ?? '');
  const used = activeServices(read.file).map((name) => imageOf(read.file, name));
  if (image === null || !used.some((each) => each !== null && nameOf(each) === nameOf(image)))
    return { skip: 'other-repository', reason: `No service runs ${asked?.repository ?? 'an image of its own'}.` };
  return isOfImage ? ofImage(image, asked) : ofFile(config);
}

function ofFile({ yaml, routedService }: ComposeConfig): Ref {
  const digest = `sha256:${createHash('sha256').update(yaml).digest('hex')}`;
  const repository = own({ yaml, routedService } as ComposeConfig).image ?? 'compose';
  const place = { host: '', repository, tag: null, digest, registryName: null };
  return { kind: KIND, key: JSON.stringify([KIND, repository, digest]), ...place, remote: false };
}

function ofImage(image: ImageReference, { tag, digest }: NonNullable<Wish['image']>): Ref | Skip {
  if (tag !== undefined && !isTag(tag)) return { skip: 'invalid-tag', reason: `"${tag.slice(0, 80)}" is no tag.` };
  if (digest !== undefined && !isDigest(digest))
    return { skip: 'invalid-digest', reason: 'The digest is not sha256 and 64 hex digits.' };
  const version = { tag: tag ?? null, digest: digest ?? null };
  const key = JSON.stringify([KIND, 'image', nameOf(image), version]);
  const place = { host: image.registry, repository: image.repository, registryName: null };
  return { kind: KIND, key, ...place, ...version, remote: true };
}

/** Which images the services run is found out on the node, once it has filled the variables in. */
export async function resolve(ref: Ref, io: ResolveIo): Promise<Artifact> {
  const { repository, tag, digest } = ref;
  if (!ref.remote) return { kind: KIND, repository, tag, digest };
  const name = `${ref.host}/${repository}`;
  const found = digest ?? (await resolveTag(io, { access: await io.registry(ref.host, null), repository }, tag!));
  return { kind: KIND, repository: name, tag, digest: found, images: { [name]: `${name}@${found}` } };
}

function imageOf(file: ComposeFile, name: string): ImageReference | null {
  const { image } = serviceOf(file, name);
  return typeof image === 'string' ? parseReference(withDefaults(image)) : null;
}

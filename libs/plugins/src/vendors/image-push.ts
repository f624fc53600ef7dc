import { isDigest, isTag, normaliseHost, normaliseRepository, parseReference } from '#plugins/oci/reference';
import { Malformed, type ImagePush } from '../inbound.js';
import { ignored, type Ignored } from './outcome.js';

export interface PushedImage {
  /** `host[:port]`, with or without a scheme; null when the payload does not say. */
  readonly registry: string | null;
  readonly repository: string;
  /** `''` and a digest in the tag's place are taken for what they mean. */
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Normalised and checked. A digest that is none counts as not sent; a name or tag that is none is {@link Malformed}. */
export function imagePush(pushed: PushedImage): ImagePush | Ignored {
  const registry = pushed.registry === null ? null : host(pushed.registry);
  const repository = normaliseRepository(registry ?? '', pushed.repository);
  if (repository === null) throw new Malformed(`"${pushed.repository.slice(0, 80)}" is no repository name`);
  const inTag = pushed.tag !== null && pushed.tag.startsWith('sha256:');
  const tag = inTag ? null : pushed.tag || null;
  if (tag !== null && !isTag(tag)) throw new Malformed(`"${tag.slice(0, 140)}" is no image tag`);
  const digest = [pushed.digest, inTag ? pushed.tag : null].find((one) => one !== null && isDigest(one)) ?? null;
  if (tag === null && digest === null) return ignored('the push names neither a tag nor a digest');
  return { kind: 'image-push', registry, repository, tag, digest };
}

/** The same from a name that holds its host: `registry.example.com/team/app`, with a tag or not. */
export function imagePushByName(name: string, tag: string | null, digest: string | null): ImagePush | Ignored {
  const bare = name.split('@', 1)[0] ?? '';
  const reference = parseReference(bare);
  if (reference === null) throw new Malformed(`"${name.slice(0, 80)}" is no image name`);
  return imagePush({ ...reference, tag: tag || reference.tag, digest });
}

/** The host of an address in a payload; null when it is no http(s) URL. Never fetched. */
export function hostOfUrl(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  const parsed = new URL(url);
  return /^https?:$/.test(parsed.protocol) ? parsed.host || null : null;
}

export function isHelm(mediaType: string | null): boolean {
  return mediaType !== null && mediaType.includes('helm');
}

function host(text: string): string {
  const found = normaliseHost(
    text
      .slice(0, 300)
      .replace(/^https?:\/\//i, '')
      .replace(/\/$/, ''),
  );
  if (found === null) throw new Malformed(`"${text.slice(0, 80)}" is no registry host`);
  return found;
}

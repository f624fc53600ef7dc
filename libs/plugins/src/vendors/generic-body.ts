import { isDigest, isTag, parseReference, referenceProblem } from '#plugins/oci/reference';
import { Malformed, type GitPush, type ImagePush, type ParseResult } from '../inbound.js';
import { objectId, readRef } from './git-push.js';
import { collect, ignored, type Ignored } from './outcome.js';
import { at, need, text, type Obj } from './read-json.js';

/** `{ image, tag?, digest? }` or `{ ref, sha?, repo? }`; `image` wins. Null when the body has neither. */
export function genericEvent(body: Obj, vendor: string): ParseResult | null {
  if (at(body, 'image') !== undefined) return collect([imageOf(body)]);
  if (at(body, 'ref') !== undefined) return collect([refOf(body, vendor)]);
  return null;
}

/** Without tag and digest it means "the newest of it". */
function imageOf(body: Obj): ImagePush {
  const named = need(text(body, 'image'), 'image: it has to be a string such as "ghcr.io/acme/shop:1.2.3"');
  const reference = parseReference(named);
  if (reference === null) throw new Malformed(`image: ${referenceProblem(named) ?? 'is none'}`);
  const tag = reference.tag ?? text(body, 'tag');
  const digest = reference.digest ?? text(body, 'digest');
  if (tag !== null && !isTag(tag)) throw new Malformed('tag: is no image tag');
  if (digest !== null && !isDigest(digest)) throw new Malformed('digest: has to be sha256: and 64 hexadecimal digits');
  return { kind: 'image-push', registry: reference.registry, repository: reference.repository, tag, digest };
}

function refOf(body: Obj, vendor: string): GitPush | Ignored {
  const given = need(text(body, 'ref'), 'ref: it has to be a string such as "refs/heads/main"');
  const ref = given.startsWith('refs/') ? given : `refs/heads/${given}`;
  const named = readRef(ref);
  if (named === null) return ignored(`${ref.slice(0, 200)} is neither a branch nor a tag`);
  const sha = text(body, 'sha');
  return {
    kind: 'git-push',
    vendor,
    repo: text(body, 'repo')?.slice(0, 500) ?? null,
    ref,
    refType: named.refType,
    branch: named.refType === 'branch' ? named.name : null,
    tag: named.refType === 'tag' ? named.name : null,
    sha: sha === null ? null : objectId(sha),
    objectSha: null,
    before: null,
    created: false,
    forced: false,
    paths: null,
    pathsComplete: false,
    pusher: null,
    message: null,
  };
}

import type { ImagePush } from '../../inbound.js';
import { imagePush, isHelm } from '../image-push.js';
import { ignored, type Ignored } from '../outcome.js';
import { need, object, text, type Obj } from '../read-json.js';

/** One event per manifest: of a multi-arch push only the last one names a tag. */
export function packagePush(pushed: Obj, action: string | null): ImagePush | Ignored {
  // A tag that moved comes as "updated" in some flows.
  if (action !== 'published' && action !== 'updated') return ignored(`package ${action ?? 'event'} deploys nothing`);
  const type = need(text(pushed, 'package_type') ?? text(pushed, 'ecosystem'), 'package_type').toLowerCase();
  if (type !== 'container' && type !== 'docker') return ignored(`a package of type ${type.slice(0, 40)} is no image`);
  const version = need(object(pushed, 'package_version'), 'package_version');
  if (isHelm(text(version, 'container_metadata', 'manifest', 'config', 'media_type'))) {
    return ignored('a Helm chart is no image');
  }
  const name = need(text(pushed, 'name'), 'package.name');
  const owner = need(text(pushed, 'namespace') ?? text(pushed, 'owner', 'login'), 'package.owner.login');
  return imagePush({ registry: registryOf(pushed), repository: `${owner}/${name}`, ...versionOf(version) });
}

/** Tag and digest; without container metadata (hooks of 2019, minimal ones) the version itself is the tag. */
function versionOf(version: Obj): { tag: string | null; digest: string | null } {
  const metadata = object(version, 'container_metadata');
  const name = text(version, 'version') ?? text(version, 'name');
  const digest =
    text(metadata, 'tag', 'digest') ??
    text(metadata, 'manifest', 'digest') ??
    (name?.startsWith('sha256:') ? name : null);
  return { tag: object(metadata, 'tag') === null ? name : text(metadata, 'tag', 'name'), digest };
}

/** GitHub Enterprise Server has a host of its own, which only the package's address tells. */
function registryOf(pushed: Obj): string {
  const host = (text(pushed, 'package_version', 'package_url') ?? '').split('/', 1)[0] ?? '';
  return /^[a-z0-9.-]+\.[a-z0-9-]+(?::[0-9]+)?$/i.test(host) ? host : 'ghcr.io';
}

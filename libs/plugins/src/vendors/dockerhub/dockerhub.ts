import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { imagePush, isHelm } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';

/** hub.docker.com: no signature, no id, no digest; one push of five platforms is six deliveries. */
export const dockerhub: Vendor = {
  name: 'dockerhub',
  title: 'Docker Hub',
  recognizes: (request) => {
    const body = peek(request);
    return object(body, 'push_data') !== null && object(body, 'repository') !== null;
  },
  verify: () => 'cannot-sign',
  deliveryId: () => null,
  parse,
};

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  if (isHelm(text(body, 'push_data', 'media_type'))) return ignored('a Helm chart is no image');
  const pushed = imagePush({
    registry: 'docker.io',
    repository: repositoryOf(need(object(body, 'repository'), 'repository')),
    tag: need(text(body, 'push_data', 'tag'), 'push_data.tag'),
    digest: null,
  });
  return collect([pushed]);
}

function repositoryOf(repository: Obj): string {
  const full = text(repository, 'repo_name');
  if (full !== null) return full;
  const name = need(text(repository, 'name'), 'repository.repo_name');
  const namespace = text(repository, 'namespace');
  return namespace === null ? name : `${namespace}/${name}`;
}

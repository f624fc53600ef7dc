import { Malformed, type ParseResult, type RawRequest, type Vendor } from '../../inbound.js';
import { imagePush } from '../image-push.js';
import { collect } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';

/** Alibaba Cloud's registry: Docker Hub's keys with a region. */
export const aliyunAcr: Vendor = {
  name: 'aliyun-acr',
  title: 'Alibaba Cloud Container Registry',
  recognizes: (request) => isEnvelope(peek(request)),
  verify: () => 'cannot-sign',
  deliveryId: () => null,
  parse,
};

function isEnvelope(body: Obj | null): boolean {
  if (object(body, 'push_data') === null) return false;
  return text(body, 'repository', 'region') !== null || text(body, 'repository', 'repo_full_name') !== null;
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  const region = need(text(body, 'repository', 'region'), 'repository.region');
  if (!/^[a-z0-9-]{1,40}$/.test(region)) throw new Malformed('repository.region is not one');
  const pushed = imagePush({
    registry: `registry.${region}.aliyuncs.com`,
    repository: need(text(body, 'repository', 'repo_full_name'), 'repository.repo_full_name'),
    tag: need(text(body, 'push_data', 'tag'), 'push_data.tag'),
    digest: text(body, 'push_data', 'digest'),
  });
  return collect([pushed]);
}

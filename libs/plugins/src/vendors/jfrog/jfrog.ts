import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { hostOfUrl, imagePush } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';
import { header } from '../request.js';
import { hexHmac, judge, sameSecret } from '../signature.js';

/** JFrog Artifactory; images by path (`host/repository-key/image`), its default. */
export const jfrog: Vendor = {
  name: 'jfrog',
  title: 'JFrog Artifactory',
  recognizes: (request) => header(request, 'x-jfrog-event-auth') !== null || isEnvelope(peek(request)),
  // The secret in clear, or with payload signing the hexadecimal HMAC.
  verify: (request, secret) => {
    const given = header(request, 'x-jfrog-event-auth');
    return judge(sameSecret(given, secret) || hexHmac(given, { secret, bytes: request.body }));
  },
  deliveryId: () => null,
  parse,
};

function isEnvelope(body: Obj | null): boolean {
  return text(body, 'domain') !== null && text(body, 'event_type') !== null && text(body, 'jpd_origin') !== null;
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  const domain = need(text(body, 'domain'), 'domain');
  const type = need(text(body, 'event_type'), 'event_type');
  if (domain !== 'docker' || type !== 'pushed') {
    return ignored(`JFrog event "${domain.slice(0, 40)} ${type.slice(0, 40)}" deploys nothing`);
  }
  return collect([push(body, need(object(body, 'data'), 'data'))]);
}

function push(body: Obj, data: Obj) {
  const sha256 = text(data, 'sha256');
  const tag = need(text(data, 'tag'), 'data.tag');
  return imagePush({
    registry: need(hostOfUrl(text(body, 'jpd_origin')), 'jpd_origin'),
    repository: `${need(text(data, 'repo_key'), 'data.repo_key')}/${need(text(data, 'image_name'), 'data.image_name')}`,
    // A platform's manifest is stored as the folder `sha256__<hex>`.
    tag: tag.startsWith('sha256__') ? null : tag,
    digest: sha256 === null ? null : `sha256:${sha256.replace(/^sha256:/, '')}`,
  });
}

import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { imagePush } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, payload, text, type Obj } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { hexHmac, judge } from '../signature.js';

/** Sonatype Nexus Repository. The registry's host is not in the body: a trigger that names its image knows it. */
export const nexus: Vendor = {
  name: 'nexus',
  title: 'Nexus Repository',
  recognizes: (request) => header(request, 'x-nexus-webhook-id') !== null,
  // SHA-1 is all that Nexus has; as an HMAC it still holds.
  verify: (request, secret) => {
    const given = header(request, 'x-nexus-webhook-signature');
    return judge(hexHmac(given, { secret, bytes: request.body, algorithm: 'sha1' }));
  },
  deliveryId: (request) => idHeader(request, 'x-nexus-webhook-delivery'),
  parse,
};

function parse(request: RawRequest): ParseResult {
  const event = header(request, 'x-nexus-webhook-id') ?? '';
  const body = payload(request);
  if (event !== 'rm:repository:component') return ignored(`Nexus event "${event.slice(0, 80)}" deploys nothing`);
  return collect([push(body)]);
}

function push(body: Obj) {
  const action = need(text(body, 'action'), 'action');
  const component = need(object(body, 'component'), 'component');
  const format = need(text(component, 'format'), 'component.format');
  if (format !== 'docker') return ignored(`a component of format ${format.slice(0, 40)} is no image`);
  // A tag that moved comes as UPDATED.
  if (action !== 'CREATED' && action !== 'UPDATED') return ignored(`component ${action.slice(0, 40)} deploys nothing`);
  return imagePush({
    registry: null,
    repository: need(text(component, 'name'), 'component.name'),
    tag: need(text(component, 'version'), 'component.version'),
    digest: null,
  });
}

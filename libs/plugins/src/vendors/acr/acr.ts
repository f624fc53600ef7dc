import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { imagePush, isHelm } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, payload, peek, text, type Obj } from '../read-json.js';
import { header } from '../request.js';
import { headerSecret, judge } from '../signature.js';

/** Azure Container Registry; a secret goes into a custom Authorization header. */
export const acr: Vendor = {
  name: 'acr',
  title: 'Azure Container Registry',
  recognizes: (request) =>
    (header(request, 'user-agent') ?? '').startsWith('AzureContainerRegistry') || isEnvelope(peek(request)),
  verify: (request, secret) => judge(headerSecret(request, secret)),
  deliveryId: (request) => text(peek(request), 'id')?.slice(0, 200) ?? null,
  parse,
};

const ACTIONS = new Set(['push', 'delete', 'chart_push', 'chart_delete', 'quarantine']);

function isEnvelope(body: Obj | null): boolean {
  return ACTIONS.has(text(body, 'action') ?? '') && text(body, 'target', 'repository') !== null;
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  const action = need(text(body, 'action'), 'action');
  if (action === 'ping') return { kind: 'ping' };
  if (action !== 'push') return ignored(`registry action "${action.slice(0, 40)}" deploys nothing`);
  const target = need(object(body, 'target'), 'target');
  if (isHelm(text(target, 'mediaType'))) return ignored('a Helm chart is no image');
  const pushed = imagePush({
    registry: need(text(body, 'request', 'host'), 'request.host'),
    repository: need(text(target, 'repository'), 'target.repository'),
    tag: text(target, 'tag'),
    digest: text(target, 'digest'),
  });
  return collect([pushed]);
}

import { parseReference } from '#plugins/oci/reference';
import { Malformed, type ParseResult, type RawRequest, type Vendor } from '../../inbound.js';
import { imagePush } from '../image-push.js';
import { collect, ignored } from '../outcome.js';
import { need, object, parseObject, payload, peek, text, type Obj } from '../read-json.js';

/** Google Artifact Registry and Container Registry through a Pub/Sub push subscription. */
export const gcrPubsub: Vendor = {
  name: 'gcr-pubsub',
  title: 'Google Artifact Registry (Pub/Sub)',
  recognizes: (request) => isEnvelope(peek(request)),
  // Pub/Sub sends an OIDC token, which a shared secret cannot check.
  verify: () => 'cannot-sign',
  deliveryId: (request) => {
    const message = object(peek(request), 'message');
    return (text(message, 'messageId') ?? text(message, 'message_id'))?.slice(0, 200) ?? null;
  },
  parse,
};

function isEnvelope(body: Obj | null): boolean {
  return text(body, 'subscription') !== null && object(body, 'message') !== null;
}

function parse(request: RawRequest): ParseResult {
  const data = need(text(payload(request), 'message', 'data'), 'message.data');
  const event = parseObject(Buffer.from(data, 'base64').toString());
  const action = need(text(event, 'action'), 'message.data.action');
  if (action !== 'INSERT') return ignored(`registry action "${action.slice(0, 40)}" deploys nothing`);
  return collect([push(event)]);
}

/** `tag` and `digest` are whole references: `host/name:tag`, `host/name@sha256:…`. */
function push(event: Obj) {
  const tagged = text(event, 'tag');
  const digested = text(event, 'digest');
  const named = need(tagged ?? digested, 'message.data.tag');
  const reference = parseReference(named);
  if (reference === null) throw new Malformed(`"${named.slice(0, 80)}" is no image name`);
  const digest = digested === null ? reference.digest : (parseReference(digested)?.digest ?? null);
  return imagePush({ ...reference, tag: tagged === null ? null : reference.tag, digest });
}

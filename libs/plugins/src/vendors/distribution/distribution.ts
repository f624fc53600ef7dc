import { Malformed, type ParsedEvent, type ParseResult, type RawRequest, type Vendor } from '../../inbound.js';
import { hostOfUrl, imagePush, isHelm } from '../image-push.js';
import { bounded, collectParsed, ignored, type Ignored } from '../outcome.js';
import { list, need, object, payload, peek, text, type Obj } from '../read-json.js';
import { mediaType } from '../request.js';
import { headerSecret, judge } from '../signature.js';

/** The registry's own notifications (Distribution 2 and 3, GitLab's registry): an envelope of unrelated events. */
export const distribution: Vendor = {
  name: 'distribution',
  title: 'Distribution registry',
  recognizes: (request) => EVENTS_TYPE.test(mediaType(request)) || isEnvelope(peek(request)),
  // No signature: a static header of its configuration is what it can send.
  verify: (request, secret) => judge(headerSecret(request, secret)),
  // Each event has an id of its own, stable over retries.
  deliveryId: () => null,
  parse,
};

const EVENTS_TYPE = /^application\/vnd\.docker\.distribution\.events\.v[0-9]+\+json$/;
const MANIFEST = /^application\/vnd\.(?:docker\.distribution\.manifest|oci\.image\.(?:manifest|index))\b/;

function isEnvelope(body: Obj | null): boolean {
  const first = list(body, 'events')?.[0];
  return text(first, 'action') !== null && object(first, 'target') !== null;
}

/** Distribution sends a refused envelope again for ever, before any later event: broken ones are put aside. */
function parse(request: RawRequest): ParseResult {
  try {
    return parseEvents(need(list(payload(request), 'events'), 'events'));
  } catch (error) {
    throw error instanceof Malformed ? new Malformed(error.message, true) : error;
  }
}

function parseEvents(events: readonly unknown[]): ParseResult {
  const parts: (ParsedEvent | Ignored)[] = [];
  const broken: Malformed[] = [];
  for (const event of bounded(events)) {
    try {
      parts.push(push(event));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      broken.push(error);
    }
  }
  const [first] = broken;
  if (first !== undefined && parts.every((part) => !('event' in part))) throw first;
  return collectParsed(parts);
}

function push(event: unknown): ParsedEvent | Ignored {
  const action = need(text(event, 'action'), 'events[].action');
  // A pull looks like a push, and our own deploys pull: acting on it would never end.
  if (action !== 'push') return ignored(`registry action "${action.slice(0, 40)}" deploys nothing`);
  const target = need(object(event, 'target'), 'events[].target');
  const type = text(target, 'mediaType');
  if (type !== null && !MANIFEST.test(type)) return ignored(`a push of ${type.slice(0, 100)} is no image`);
  const isChart = (list(target, 'references') ?? []).some((part) => isHelm(text(part, 'mediaType')));
  if (isChart) return ignored('a Helm chart is no image');
  const found = imagePush({
    registry: hostOfUrl(text(target, 'url')) ?? need(text(event, 'request', 'host'), 'events[].target.url'),
    repository: need(text(target, 'repository'), 'events[].target.repository'),
    tag: text(target, 'tag'),
    digest: text(target, 'digest'),
  });
  return found.kind === 'ignored' ? found : { id: text(event, 'id')?.slice(0, 200) ?? null, event: found };
}

import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { imagePush, imagePushByName } from '../image-push.js';
import { bounded, collect, ignored } from '../outcome.js';
import { list, need, object, payload, peek, text, type Obj } from '../read-json.js';
import { headerSecret, judge } from '../signature.js';

/** Harbor 1 and 2: its own JSON format, or CloudEvents. */
export const harbor: Vendor = {
  name: 'harbor',
  title: 'Harbor',
  recognizes: (request) => isEnvelope(peek(request)),
  // The configured Authorization value, sent as it is.
  verify: (request, secret) => judge(headerSecret(request, secret)),
  deliveryId: (request) => cloudEventId(peek(request)),
  parse,
};

const PUSHES = new Set(['PUSH_ARTIFACT', 'pushImage', 'harbor.artifact.pushed']);

function isEnvelope(body: Obj | null): boolean {
  const type = text(body, 'type') ?? '';
  if (object(body, 'event_data') !== null && type !== '') return true;
  // The last is the shape before 1.9.
  return type.startsWith('harbor.') || (text(body, 'event_type') !== null && list(body, 'events') !== null);
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  if (text(body, 'type') === null && text(body, 'event_type') !== null) {
    return ignored('Harbor before 1.9 is not supported: update Harbor');
  }
  const type = need(text(body, 'type'), 'type');
  if (!PUSHES.has(type)) return ignored(`Harbor event "${type.slice(0, 80)}" deploys nothing`);
  const data = need(object(body, 'event_data') ?? object(body, 'data'), 'event_data');
  const resources = need(list(data, 'resources'), 'event_data.resources');
  return collect(bounded(resources).map((resource) => push(resource, data)));
}

function push(resource: unknown, data: Obj) {
  const tag = text(resource, 'tag');
  const digest = text(resource, 'digest');
  const name = text(resource, 'resource_url');
  if (name !== null) return imagePushByName(name, tag, digest);
  const repository = need(text(data, 'repository', 'repo_full_name'), 'event_data.resources[].resource_url');
  return imagePush({ registry: null, repository, tag, digest });
}

function cloudEventId(body: Obj | null): string | null {
  const id = text(body, 'id');
  if (text(body, 'specversion') === null || id === null) return null;
  return `${text(body, 'source') ?? ''} ${id}`.slice(0, 200);
}

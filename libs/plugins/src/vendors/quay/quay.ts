import type { ParseResult, RawRequest, Vendor } from '../../inbound.js';
import { imagePushByName } from '../image-push.js';
import { bounded, collect, ignored } from '../outcome.js';
import { at, list, need, object, payload, peek, text, type Obj } from '../read-json.js';

/** quay.io and private Quay: no signature, no id; several tags in one delivery. */
export const quay: Vendor = {
  name: 'quay',
  title: 'Quay',
  recognizes: (request) => isEnvelope(peek(request)),
  verify: () => 'cannot-sign',
  deliveryId: () => null,
  parse,
};

function isEnvelope(body: Obj | null): boolean {
  if (text(body, 'docker_url') !== null) return true;
  return at(body, 'updated_tags') !== undefined && text(body, 'repository') !== null;
}

function parse(request: RawRequest): ParseResult {
  const body = payload(request);
  if (at(body, 'updated_tags') === undefined) return ignored('Quay sent a notification without updated tags');
  const name = need(text(body, 'docker_url'), 'docker_url');
  const tags = tagsOf(body);
  if (tags.length === 0) return ignored('Quay named no updated tag');
  return collect(bounded(tags).map((tag) => imagePushByName(name, need(text(tag), 'updated_tags[]'), null)));
}

/** A list; from old servers an object of tag to image id. */
function tagsOf(body: Obj): readonly unknown[] {
  return list(body, 'updated_tags') ?? Object.keys(object(body, 'updated_tags') ?? {});
}

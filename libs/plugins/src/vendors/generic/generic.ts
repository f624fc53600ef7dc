import { Malformed, type Vendor } from '../../inbound.js';
import { genericEvent } from '../generic-body.js';
import { payload } from '../read-json.js';
import { idHeader } from '../request.js';
import { anySignature, judge } from '../signature.js';

/** Anything that can POST: a top-level `image` or `ref`. Stands last, for it takes every body. */
export const generic: Vendor = {
  name: 'generic',
  title: 'Any sender (image or ref)',
  recognizes: () => true,
  verify: (request, secret, now) => judge(anySignature(request, secret, now)),
  deliveryId: (request) => idHeader(request, 'webhook-id', 'idempotency-key'),
  parse: (request) => {
    const found = genericEvent(payload(request), 'generic');
    if (found === null) {
      throw new Malformed(
        'no known sender, and neither "image" nor "ref" in the body: send { "image": "host/name:tag" }',
      );
    }
    return found;
  },
};

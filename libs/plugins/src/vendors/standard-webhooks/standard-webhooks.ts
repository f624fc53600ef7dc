import type { Vendor } from '../../inbound.js';
import { genericEvent } from '../generic-body.js';
import { ignored } from '../outcome.js';
import { object, payload, text } from '../read-json.js';
import { header, idHeader } from '../request.js';
import { judge, standardWebhooks as isSigned } from '../signature.js';

/** Senders by the Standard Webhooks specification; an `image` or `ref` in the body, or in its `data`, deploys. */
export const standardWebhooks: Vendor = {
  name: 'standard-webhooks',
  title: 'Standard Webhooks',
  recognizes: (request) => header(request, 'webhook-id') !== null && header(request, 'webhook-signature') !== null,
  verify: (request, secret, now) => judge(isSigned(request, secret, now)),
  deliveryId: (request) => idHeader(request, 'webhook-id'),
  parse: (request) => {
    const body = payload(request);
    const data = object(body, 'data');
    const found = genericEvent(body, 'standard-webhooks') ?? (data && genericEvent(data, 'standard-webhooks'));
    return found ?? ignored(`the event ${text(body, 'type')?.slice(0, 80) ?? ''} names neither an image nor a ref`);
  },
};

import type { Vendor } from '../../inbound.js';
import { hubSignature, judge, standardWebhooks } from '../signature.js';
import { idHeader } from '../request.js';

/** An empty body: "deploy the newest". With a signing secret it has to be signed like any other delivery. */
export const manual: Vendor = {
  name: 'manual',
  title: 'Empty request',
  recognizes: (request) => request.body.length === 0,
  verify: (request, secret, now) => judge(standardWebhooks(request, secret, now) || hubSignature(request, secret)),
  deliveryId: (request) => idHeader(request, 'webhook-id'),
  parse: () => ({ kind: 'events', events: [{ id: null, event: { kind: 'manual' } }] }),
};

import { Rejection } from '#domain/errors';
import { Malformed, type InboundEvent } from '#plugins/inbound';
import { identify, interpret } from '#plugins/vendors/dispatch';
import { readEvent } from './inbound-event.js';
import type { SimulateInput } from './simulate.dto.js';

export interface Payload {
  readonly vendor: string;
  readonly status: 'accepted' | 'ping' | 'ignored';
  readonly reason: string | null;
  readonly events: readonly InboundEvent[];
}

/** As the ingress would read it, but for its signature: who asks here has signed in. Throws `invalid-payload`. */
export function readPayload({ event, headers = {}, body }: SimulateInput, pinned: string | null): Payload {
  if (event !== undefined && body !== undefined) throw both();
  if (body === undefined)
    return { vendor: 'manual', status: 'accepted', reason: null, events: [readEvent(event ?? { kind: 'manual' })] };
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...Object.fromEntries(named) },
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
  };
  const vendor = identify(request, pinned);
  const name = vendor?.name ?? 'unknown';
  try {
    const result = interpret(request, vendor);
    if (result.kind === 'ping') return { vendor: name, status: 'ping', reason: null, events: [] };
    if (result.kind === 'ignored') return { vendor: name, status: 'ignored', reason: result.reason, events: [] };
    return { vendor: name, status: 'accepted', reason: null, events: result.events.map((each) => each.event) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const text = `The payload cannot be read as one of ${name}: ${error.message}`;
    throw new Rejection('invalid-payload', text, [{ pointer: '/body', detail: error.message }]);
  }
}

function both(): Rejection {
  const detail = 'must be left out together with body';
  return new Rejection('invalid-body', 'Send an event or a body, not both.', [{ pointer: '/event', detail }]);
}

import { createHash } from 'node:crypto';
import type { RecordedInbound, UndispatchedStatus } from '#domain/delivery';
import { withoutPerson } from '#plugins/without-person';
import { Malformed, type ParseResult, type RawRequest, type Vendor } from '#plugins/inbound';
import { interpret } from '#plugins/vendors/dispatch';

/** A vendor's id is remembered for 30 days; without one the body's hash for 10 minutes. */
const ID_SECONDS = 30 * 86_400;
const HASH_SECONDS = 600;

export interface TransportKey {
  readonly key: string;
  readonly keepSeconds: number;
}

/** What a request says, ready to be recorded. */
export interface ReadDelivery {
  readonly vendor: string;
  readonly status: 'accepted' | Exclude<UndispatchedStatus, 'disabled' | 'no-binding'>;
  readonly reason: string | null;
  /** Each event with the key of its own, where the envelope gives it one. */
  readonly events: readonly { readonly event: RecordedInbound; readonly key: TransportKey | null }[];
  /** For the whole request; null when its events have their own. */
  readonly key: TransportKey | null;
}

/** Throws {@link Malformed} for what its sender has to be told; a jammed envelope becomes a dead letter instead. */
export function readDelivery(request: RawRequest, vendor: Vendor | null): ReadDelivery {
  const name = vendor?.name ?? 'unknown';
  const key = transportKey(request, vendor);
  try {
    return fromResult(interpret(request, vendor), name, key);
  } catch (error) {
    if (!(error instanceof Malformed) || !error.deadLetter) throw error;
    return { vendor: name, status: 'dead-letter', reason: error.message, events: [], key };
  }
}

function fromResult(result: ParseResult, vendor: string, key: TransportKey): ReadDelivery {
  if (result.kind === 'ping') return { vendor, status: 'ping', reason: null, events: [], key };
  if (result.kind === 'ignored') return { vendor, status: 'ignored', reason: result.reason, events: [], key };
  const events = result.events.map(({ id, event }) => ({
    event: withoutPerson(event),
    key: id === null ? null : { key: `event:${vendor}:${id}`, keepSeconds: ID_SECONDS },
  }));
  const haveOwn = events.every((event) => event.key !== null);
  return { vendor, status: 'accepted', reason: null, events, key: haveOwn ? null : key };
}

/** An empty body is somebody pressing a button: each press counts. */
function transportKey(request: RawRequest, vendor: Vendor | null): TransportKey {
  const id = vendor?.deliveryId(request) ?? null;
  if (id !== null) return { key: `id:${vendor!.name}:${id}`, keepSeconds: ID_SECONDS };
  const hash = createHash('sha256').update(request.body).digest('base64url');
  return { key: `body:${hash}`, keepSeconds: request.body.length === 0 ? 0 : HASH_SECONDS };
}

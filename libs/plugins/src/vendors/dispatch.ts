import { Malformed, type ParseResult, type RawRequest, type Vendor } from '../inbound.js';
import { manual } from './manual/manual.js';
import { VENDORS } from './vendors.js';

/**
 * Who sent it: an empty body is `manual`; a pinned vendor is taken at its word; else the first that recognises the
 * request. Null only when `pinned` names no vendor.
 */
export function identify(request: RawRequest, pinned: string | null): Vendor | null {
  if (manual.recognizes(request)) return manual;
  if (pinned !== null) return VENDORS.find((vendor) => vendor.name === pinned) ?? null;
  return VENDORS.find((vendor) => vendor.recognizes(request)) ?? null;
}

/**
 * Whether the delivery may count: always without a signing secret; with one, only with a valid signature. A vendor that
 * cannot sign is refused then, or forging its envelope would be the way round the secret.
 */
export function isAuthentic(
  request: RawRequest,
  vendor: Vendor | null,
  check: { readonly secret: string | null; readonly now: Date },
): boolean {
  if (check.secret === null) return true;
  return check.secret !== '' && vendor !== null && vendor.verify(request, check.secret, check.now) === 'valid';
}

/** What the delivery says. Once a vendor matched, its word is final: nothing falls through. Throws {@link Malformed} only. */
export function interpret(request: RawRequest, vendor: Vendor | null): ParseResult {
  if (vendor === null)
    return { kind: 'ignored', reason: 'the trigger takes deliveries of a vendor that does not exist' };
  try {
    return vendor.parse(request);
  } catch (error) {
    if (error instanceof Malformed) throw error;
    const wrapped = new Malformed(`the delivery could not be read as one of ${vendor.title}`);
    wrapped.cause = error;
    throw wrapped;
  }
}

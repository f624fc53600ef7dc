import { Malformed, type InboundEvent, type ParsedEvent, type ParseResult } from '../inbound.js';

/** One part of a delivery that asks for nothing. */
export interface Ignored {
  readonly kind: 'ignored';
  readonly reason: string;
}

export function ignored(reason: string): Ignored {
  return { kind: 'ignored', reason };
}

/** The events among the parts; where there are none, the first reason why. */
export function collect(parts: readonly (InboundEvent | Ignored)[]): ParseResult {
  return collectParsed(parts.map((part) => (part.kind === 'ignored' ? part : { id: null, event: part })));
}

export function collectParsed(parts: readonly (ParsedEvent | Ignored)[]): ParseResult {
  const events = parts.filter((part): part is ParsedEvent => 'event' in part);
  if (events.length > 0) return { kind: 'events', events };
  const first = parts.find((part): part is Ignored => !('event' in part));
  return first ?? ignored('the delivery holds no event');
}

/** The parts of one delivery; so many that no sender packs them together are refused before they are read. */
export function bounded(parts: readonly unknown[]): readonly unknown[] {
  if (parts.length > MAX_PARTS) throw new Malformed(`the delivery holds more than ${MAX_PARTS} events`);
  return parts;
}

const MAX_PARTS = 1_000;

import type { InboundEvent, ParsedEvent, ParseResult } from '../inbound.js';

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

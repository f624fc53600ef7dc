import type { RecordedInbound } from '#domain/delivery';
import type { InboundEvent } from './inbound.js';

/** As it is recorded: pusher and message are personal data and stay with the sealed body. */
export function withoutPerson(event: InboundEvent): RecordedInbound {
  return event.kind === 'git-push' ? { ...event, pusher: null, message: skipMarkersOf(event.message) } : { ...event };
}

const SKIP_MARKERS =
  /\[(?:skip ci|ci skip|no ci|skip actions|actions skip|skip cd|skip deploy)\]|^skip-checks:[ \t]*true[ \t]*$/gim;

/** Of the message only the markers that decide something are kept. */
function skipMarkersOf(message: string | null): string | null {
  const found = message?.match(SKIP_MARKERS);
  return found ? found.join('\n') : null;
}

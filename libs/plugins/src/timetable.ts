import { createHash } from 'node:crypto';
import type { Timetable } from './trigger.js';

/** Of all runs of a trigger the same, so that they keep their distance; of two triggers seldom the same. */
export function jitterMs(triggerId: string, { jitterSeconds }: Pick<Timetable, 'jitterSeconds'>): number {
  const draw = createHash('sha256').update(triggerId).digest().readUInt32BE(0);
  return (draw % (jitterSeconds + 1)) * 1000;
}

/** The instants at which a trigger fires after that one, its jitter within; fewer where there are no more. */
export function upcoming(triggerId: string, timetable: Timetable, after: Date, count: number): readonly Date[] {
  const jitter = jitterMs(triggerId, timetable);
  const found: Date[] = [];
  let at = timetable.next(new Date(after.getTime() - jitter));
  while (at !== null && found.length < count) {
    found.push(new Date(at.getTime() + jitter));
    at = timetable.next(at);
  }
  return found;
}

export interface Run {
  readonly scheduledFor: Date;
  /** Runs that fell out before it. */
  readonly missedCount: number;
}

/** A run that starts so late is on time: another process may have had to take over first. */
const ON_TIME_MS = 60_000;
const MOST_OF_ALL = 10;
const MOST_COUNTED = 1_000;

/** What of a timetable is to be run now, oldest first, and the next instant that is not due yet. Pure. */
export function dueRuns(
  timetable: Timetable,
  { from, now, jitter }: { from: Date; now: Date; jitter: number },
): { readonly runs: readonly Run[]; readonly next: Date | null } {
  const { due, next } = instants(timetable, { from, until: new Date(now.getTime() - jitter) });
  const lateBy = (at: Date) => now.getTime() - jitter - at.getTime();
  const latest = due.at(-1);
  if (latest === undefined) return { runs: [], next };
  const isOnTime = (at: Date) => lateBy(at) <= ON_TIME_MS;
  const isInTime = (at: Date) => isOnTime(at) || lateBy(at) <= timetable.deadlineSeconds * 1000;
  if (timetable.missed === 'all') {
    const chosen = due.filter(isInTime).slice(-MOST_OF_ALL);
    return { runs: chosen.map((at) => ({ scheduledFor: at, missedCount: due.length - chosen.length })), next };
  }
  const counts = timetable.missed === 'once' ? isInTime(latest) : isOnTime(latest);
  return { runs: counts ? [{ scheduledFor: latest, missedCount: due.length - 1 }] : [], next };
}

/** After a very long time only what may still be run is looked at. */
function instants(timetable: Timetable, { from, until }: { from: Date; until: Date }) {
  const due: Date[] = [];
  let at: Date | null = from;
  while (at !== null && at <= until && due.length < MOST_COUNTED) {
    due.push(at);
    at = timetable.next(at);
  }
  if (at === null || at > until) return { due, next: at };
  const reach = Math.max(timetable.deadlineSeconds * 1000, ON_TIME_MS);
  at = timetable.next(new Date(Math.max(until.getTime() - reach, at.getTime()) - 1));
  while (at !== null && at <= until) {
    due.push(at);
    at = timetable.next(at);
  }
  return { due, next: at };
}

import type { Accepted, Candidate, Timetable, Trigger, Verdict } from '../../trigger.js';
import { nextInstant } from './cron.js';
import { ScheduleTriggerConfig } from './schedule-trigger.config.dto.js';

export const schedule: Trigger<ScheduleTriggerConfig> = {
  kind: 'schedule',
  title: 'Schedule',
  config: ScheduleTriggerConfig,
  sample: new ScheduleTriggerConfig(),
  accepts: ['schedule', 'manual'],
  webhookByDefault: false,
  match,
  timetable,
};

function timetable({ overlap: _, ...config }: ScheduleTriggerConfig): Timetable {
  const { cron, timezone, jitterSeconds, missed, deadlineSeconds } = config;
  return {
    key: JSON.stringify([cron.trim(), timezone, jitterSeconds, missed, deadlineSeconds]),
    next: (after) => nextInstant({ cron, timezone }, after),
    jitterSeconds,
    missed,
    deadlineSeconds,
  };
}

/** A run is for the bindings whose timetable it is of: an override may give one of them another. */
function match(candidates: readonly Candidate[], config: ScheduleTriggerConfig, last: Accepted | null): Verdict {
  const accepted = last ?? { tag: null, digest: null, ref: null, sha: null, createdAt: null };
  const events = candidates.map(({ event }) => event);
  const fire = events.find((event) => event.kind === 'manual');
  if (fire !== undefined)
    return { verdict: 'matched', code: 'manual', reason: 'asked for by hand', wish: fire.wish ?? {}, accepted };
  const ticks = events.filter((event) => event.kind === 'schedule');
  const own = timetable(config).key;
  const tick = ticks.find((each) => each.timetable === undefined || each.timetable === own);
  const { cron, timezone, overlap } = config;
  if (tick === undefined)
    return { verdict: 'filtered', code: 'other-schedule', reason: `the run is not of ${cron} (${timezone})` };
  const missed = tick.missedCount === undefined || tick.missedCount === 0 ? '' : `, ${tick.missedCount} others missed`;
  const reason = `due at ${tick.scheduledFor} by ${cron} (${timezone})${missed}`;
  return { verdict: 'matched', code: 'due', reason, wish: {}, accepted, whenBusy: overlap };
}

import { CronExpressionParser } from 'cron-parser';

const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const NAMES = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat';
/** The five-field dialect that every crontab knows: no seconds, no L, W, # and no H, which is another at each parse. */
const FIELD = new RegExp(`^(?:\\*|\\?|\\d{1,2}|${NAMES})(?:[-/,](?:\\*|\\d{1,2}|${NAMES}))*$`, 'i');
const FIELDS = ['minute', 'hour', 'day of the month', 'month', 'weekday'];

export interface Timing {
  readonly cron: string;
  readonly timezone: string;
}

/**
 * The first instant after that one; null when there is none. Where summer time begins, what falls into the hour that
 * is left out comes an hour later by the clock; where it ends, what falls into the hour that comes twice comes once,
 * but for hourly and denser ones, which come in both.
 */
export function nextInstant({ cron, timezone }: Timing, after: Date): Date | null {
  try {
    return CronExpressionParser.parse(fiveFields(cron), { tz: timezone, currentDate: after }).next().toDate();
  } catch {
    return null;
  }
}

export function cronProblem(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 200) return 'must be five fields such as "30 2 * * *", or @daily';
  const cron = value.trim();
  if (cron.startsWith('@'))
    return cron in NAMED ? null : `"${cron}" is not known: use one of ${Object.keys(NAMED).join(', ')}`;
  const fields = cron === '' ? [] : cron.split(/\s+/);
  if (fields.length !== 5) return `has ${fields.length} fields: write five, ${FIELDS.join(', ')}`;
  const bad = fields.findIndex((field) => !FIELD.test(field));
  if (bad >= 0) return `its ${FIELDS[bad]} "${fields[bad]}" is not understood`;
  return firingProblem(cron);
}

export function timezoneProblem(value: unknown): string | null {
  const problem = 'must be an IANA time zone such as Europe/Berlin';
  if (typeof value !== 'string' || !/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(value)) return problem;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return null;
  } catch {
    return `"${value}" is no time zone: it ${problem}`;
  }
}

/** More than half the gap between two runs would let them change places. */
export function jitterProblem(value: unknown, timing: Timing): string | null {
  if (typeof value !== 'number' || value === 0) return null;
  if (cronProblem(timing.cron) !== null || timezoneProblem(timing.timezone) !== null) return null;
  const gap = shortestGap(timing);
  return value <= gap / 2 ? null : `must be at most half the ${gap} s between two runs`;
}

const GAPS = 50;

/** Seconds between the two nearest of the runs to come. */
function shortestGap(timing: Timing): number {
  let at = nextInstant(timing, new Date(Date.UTC(2026, 0, 1)));
  let shortest = Infinity;
  for (let count = 0; at !== null && count < GAPS; count += 1) {
    const then = nextInstant(timing, at);
    if (then !== null) shortest = Math.min(shortest, (then.getTime() - at.getTime()) / 1000);
    at = then;
  }
  return shortest;
}

function fiveFields(cron: string): string {
  const trimmed = cron.trim();
  return NAMED[trimmed] ?? trimmed;
}

/** The library says what is out of range; a day that never comes (30 February) is found by looking for it. */
function firingProblem(cron: string): string | null {
  try {
    CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(Date.UTC(2026, 0, 1)) }).next();
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/[\r\n]+/g, ' ').slice(0, 120) : 'not understood';
    return `never fires, or is out of range (${why})`;
  }
}

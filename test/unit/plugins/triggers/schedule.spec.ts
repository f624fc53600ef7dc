import { describe, expect, it } from 'vitest';
import { checkConfig } from '#plugins/config';
import type { ScheduleTick } from '#plugins/inbound';
import { dueRuns, jitterMs, upcoming } from '#plugins/timetable';
import type { Timetable } from '#plugins/trigger';
import { nextInstant } from '#plugins/triggers/schedule/cron';
import { schedule } from '#plugins/triggers/schedule/schedule';
import { ScheduleTriggerConfig } from '#plugins/triggers/schedule/schedule-trigger.config.dto';

const ID = '01980000-0000-7000-8000-000000000001';

describe('the config of a schedule trigger', () => {
  it('has the documented defaults', () => {
    expect(checkConfig(schedule.config, {})).toEqual({ value: schedule.sample, errors: [] });
    expect(JSON.parse(JSON.stringify(schedule.sample))).toEqual({
      cron: '30 2 * * *',
      timezone: 'UTC',
      jitterSeconds: 0,
      missed: 'once',
      deadlineSeconds: 3600,
      overlap: 'skip',
    });
  });

  it.each(['* * * * *', '*/5 8-18 * * mon-fri', '0 0 1,15 * *', '@daily', '@hourly', '0 0 29 2 *', '0 12 * JAN-MAR 1'])(
    'accepts %s',
    (cron) => expect(checkConfig(schedule.config, { cron, timezone: 'Europe/Berlin' }).errors).toEqual([]),
  );

  it.each([
    [{ cron: '' }, '/cron', '0 fields'],
    [{ cron: '* * * *' }, '/cron', '4 fields'],
    [{ cron: '0 * * * * *' }, '/cron', '6 fields'],
    [{ cron: '@reboot' }, '/cron', '@daily'],
    [{ cron: 'H * * * *' }, '/cron', 'minute'],
    [{ cron: '0 0 L * *' }, '/cron', 'day of the month'],
    [{ cron: '61 * * * *' }, '/cron', 'range'],
    [{ cron: '*/0 * * * *' }, '/cron', 'range'],
    [{ cron: '0 0 30 2 *' }, '/cron', 'never fires'],
    [{ cron: 7 }, '/cron', 'five fields'],
    [{ timezone: 'Mars/Olympus' }, '/timezone', 'IANA'],
    [{ timezone: '' }, '/timezone', 'IANA'],
    [{ timezone: '../etc' }, '/timezone', 'IANA'],
    [{ jitterSeconds: -1 }, '/jitterSeconds', '0'],
    [{ cron: '* * * * *', jitterSeconds: 31 }, '/jitterSeconds', 'half the 60 s'],
    [{ missed: 'some' }, '/missed', 'once'],
    [{ deadlineSeconds: 1.5 }, '/deadlineSeconds', 'integer'],
    [{ overlap: 'stop' }, '/overlap', 'queue'],
    [{ seconds: 1 }, '/seconds', 'should not exist'],
  ])('refuses %j at %s', (config, pointer, word) => {
    const { errors } = checkConfig(schedule.config, config);
    expect(errors.find((error) => error.pointer === pointer && error.detail.includes(word))).toBeDefined();
  });
});

describe('summer time', () => {
  it.each([
    ['Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']],
    ['Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
    ['America/New_York', '2026-03-07T12:00:00Z', ['2026-03-08T07:30:00.000Z', '2026-03-09T06:30:00.000Z']],
  ])('at 02:30 in %s after %s: once a day, also where the hour is left out or comes twice', (timezone, from, runs) => {
    expect(after('30 2 * * *', timezone, from, 2)).toEqual(runs);
  });

  it('lets hourly ones come in both hours', () => {
    expect(after('0 * * * *', 'America/New_York', '2026-11-01T04:30:00Z', 3)).toEqual([
      '2026-11-01T05:00:00.000Z',
      '2026-11-01T06:00:00.000Z',
      '2026-11-01T07:00:00.000Z',
    ]);
  });

  it('takes day and weekday as either of them', () => {
    expect(after('0 0 13 * 5', 'UTC', '2026-01-01T00:00:00Z', 4).map((at) => at.slice(0, 10))).toEqual([
      '2026-01-02',
      '2026-01-09',
      '2026-01-13',
      '2026-01-16',
    ]);
  });
});

describe('jitter', () => {
  it('is the same at every run of a trigger, within its window, and spread over triggers', () => {
    const draws = Array.from({ length: 200 }, (_, index) => jitterMs(`trigger-${index}`, { jitterSeconds: 60 }));
    expect(draws.every((ms) => ms >= 0 && ms <= 60_000)).toBe(true);
    expect(new Set(draws).size).toBeGreaterThan(40);
    expect(jitterMs(ID, { jitterSeconds: 60 })).toBe(jitterMs(ID, { jitterSeconds: 60 }));
    expect(jitterMs(ID, { jitterSeconds: 0 })).toBe(0);
    const runs = upcoming(ID, table({ jitterSeconds: 60 }), new Date('2026-01-01T00:00:00Z'), 3);
    expect(runs.map((at) => at.getTime() % 3_600_000)).toEqual(Array(3).fill(jitterMs(ID, { jitterSeconds: 60 })));
  });
});

describe('runs that fell out', () => {
  const at = (time: string) => new Date(`2026-01-01T${time}Z`);
  const due = (changes: Partial<Timetable>, now: string, from = '01:00:00') => {
    const { runs, next } = dueRuns(table(changes), { from: at(from), now: at(now), jitter: 0 });
    return {
      runs: runs.map(({ scheduledFor, missedCount }) => `${scheduledFor.toISOString().slice(11, 16)}+${missedCount}`),
      next: next?.toISOString().slice(11, 16),
    };
  };

  it('is one run when it is on time, whatever the policy', () => {
    for (const missed of ['skip', 'once', 'all'] as const)
      expect(due({ missed }, '01:00:30')).toEqual({ runs: ['01:00+0'], next: '02:00' });
    expect(due({ missed: 'once' }, '00:59:59')).toEqual({ runs: [], next: '01:00' });
  });

  it('skip leaves out what is late, once takes the latest, all takes each in order', () => {
    expect(due({ missed: 'skip' }, '04:20:00')).toEqual({ runs: [], next: '05:00' });
    expect(due({ missed: 'skip' }, '04:00:30')).toEqual({ runs: ['04:00+3'], next: '05:00' });
    expect(due({ missed: 'once' }, '04:20:00')).toEqual({ runs: ['04:00+3'], next: '05:00' });
    const all = due({ missed: 'all', deadlineSeconds: 86_400 }, '04:20:00');
    expect(all).toEqual({ runs: ['01:00+0', '02:00+0', '03:00+0', '04:00+0'], next: '05:00' });
  });

  it('never starts what is past its deadline', () => {
    expect(due({ missed: 'once', deadlineSeconds: 600 }, '04:20:00').runs).toEqual([]);
    expect(due({ missed: 'all', deadlineSeconds: 5_400 }, '04:20:00').runs).toEqual(['03:00+2', '04:00+2']);
  });

  it('takes ten at most, the latest, and gets through years of missed minutes', () => {
    expect(due({ missed: 'all', deadlineSeconds: 604_800 }, '23:10:00').runs).toHaveLength(10);
    const minutely = table({ next: (after) => nextInstant({ cron: '* * * * *', timezone: 'UTC' }, after) });
    const { runs, next } = dueRuns(minutely, {
      from: at('00:00:00'),
      now: new Date('2029-01-01T00:00:30Z'),
      jitter: 0,
    });
    expect(runs).toMatchObject([{ scheduledFor: new Date('2029-01-01T00:00:00Z') }]);
    expect(next).toEqual(new Date('2029-01-01T00:01:00Z'));
  });

  it('counts from the jittered instant', () => {
    const run = (now: string) => dueRuns(table({}), { from: at('01:00:00'), now: at(now), jitter: 120_000 }).runs;
    expect(run('01:01:59')).toEqual([]);
    expect(run('01:02:00')).toMatchObject([{ scheduledFor: at('01:00:00'), missedCount: 0 }]);
  });
});

describe('a run', () => {
  const tick = (more: Partial<ScheduleTick> = {}): ScheduleTick => ({
    kind: 'schedule',
    scheduledFor: '2026-01-01T02:30:00.000Z',
    ...more,
  });
  const judge = (event: ScheduleTick, config: Partial<ScheduleTriggerConfig> = {}) =>
    schedule.match([{ event, createdAt: null }], Object.assign(new ScheduleTriggerConfig(), config), null);

  it('is for the bindings of its timetable', () => {
    const { key } = schedule.timetable!(new ScheduleTriggerConfig());
    expect(judge(tick())).toMatchObject({ verdict: 'matched', code: 'due', wish: {}, whenBusy: 'skip' });
    expect(judge(tick({ timetable: key, missedCount: 2 })).reason).toContain('2 others missed');
    expect(judge(tick({ timetable: key }), { overlap: 'replace' })).toMatchObject({ whenBusy: 'replace' });
    expect(judge(tick({ timetable: key }), { cron: '0 3 * * *' })).toMatchObject({ code: 'other-schedule' });
  });
});

function after(cron: string, timezone: string, from: string, count: number): string[] {
  const found: string[] = [];
  let at: Date | null = new Date(from);
  while (found.length < count && (at = nextInstant({ cron, timezone }, at)) !== null) found.push(at.toISOString());
  return found;
}

function table(changes: Partial<Timetable>): Timetable {
  const next = (from: Date) => nextInstant({ cron: '0 * * * *', timezone: 'UTC' }, from);
  return { key: 'k', next, jitterSeconds: 0, missed: 'once', deadlineSeconds: 3600, ...changes };
}

import type { Migration } from './migration.js';

/** When triggers fire next: a row for each timetable of one, its own and those that overrides make of it. */
export const schedules: Migration = {
  name: '0020-schedules',
  up: `
create table state.schedule (
  trigger_id uuid not null,
  timetable text not null,
  -- As the timetable has it; it is due a fixed jitter later.
  next_at timestamptz not null,
  due_at timestamptz not null,
  primary key (trigger_id, timetable)
);
create index schedule_due on state.schedule (due_at);
`,
};

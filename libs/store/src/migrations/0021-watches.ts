import type { Migration } from './migration.js';

/** What triggers ask the outside world for, and when next: one row per question, however many bindings wait for it. */
export const watches: Migration = {
  name: '0021-watches',
  up: `
create table state.watch (
  kind text not null,
  key text not null,
  next_at timestamptz not null,
  polled_at timestamptz,
  failures int not null default 0,
  error text,
  -- Binding → what was told to it last: the same news is told once.
  seen jsonb not null default '{}',
  primary key (kind, key)
);
`,
};

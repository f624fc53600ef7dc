import type { Migration } from './migration.js';

export const nodesAndLogs: Migration = {
  name: '0010-nodes-and-logs',
  up: `
-- One row per process that serves a node, renewed while it lives: after silent_at nothing was heard of it for too long.
create table state.heartbeat (
  owner text not null,
  role text not null,
  node text not null,
  release text not null,
  -- Null while the engine does not answer.
  engine jsonb,
  free_bytes bigint,
  total_bytes bigint,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  silent_at timestamptz not null,
  -- It said goodbye.
  left_at timestamptz,
  primary key (owner, role)
);
create index heartbeat_node on state.heartbeat (node, silent_at);

-- What containers say: a ring per workload, whose lines are numbered for ever. One chunk is of one container.
create table state.log_chunk (
  workload_id uuid not null,
  -- Of its first line.
  seq bigint not null,
  lines int not null,
  bytes int not null,
  container text not null,
  container_id text not null,
  deployment_id uuid,
  instance int,
  first_at timestamptz not null,
  last_at timestamptz not null,
  body text not null,
  primary key (workload_id, seq)
);
create index log_chunk_age on state.log_chunk (last_at);

-- The number of the next line, also when the ring is empty.
create table state.log_head (
  workload_id uuid primary key,
  next bigint not null
);

-- How far a container's output is stored: the engine's own instant of the last line, and how many lines have it.
create table state.log_cursor (
  container_id text primary key,
  workload_id uuid not null,
  at text not null,
  repeats int not null,
  seen_at timestamptz not null default clock_timestamp()
);
create index log_cursor_age on state.log_cursor (seen_at);
`,
};

import type { Migration } from './migration.js';

export const state: Migration = {
  name: '0002-state',
  up: `
comment on schema state is 'neither log nor view: leases, secrets, keys, logs; all of it in the backup';

-- A row is never deleted while its subject may be leased again: the epoch only grows.
create table state.lease (
  subject text primary key,
  owner text not null,
  epoch bigint not null,
  until timestamptz not null
);

create table state.master_key_check (
  key_id text primary key,
  check_value bytea not null,
  created_at timestamptz not null default now()
);

create table state.secret (
  id uuid not null,
  version int not null,
  key_id text not null,
  wrapped_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  fingerprint text not null,
  created_at timestamptz not null default now(),
  primary key (id, version)
);
create index secret_key on state.secret (key_id);

create table state.delivery_body (
  delivery_id uuid primary key,
  key_id text not null,
  wrapped_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  expires_at timestamptz not null
);
create index delivery_body_expiry on state.delivery_body (expires_at);

create table state.delivery_key (
  trigger_id uuid not null,
  key text not null,
  delivery_id uuid not null,
  expires_at timestamptz not null,
  primary key (trigger_id, key)
);
create index delivery_key_expiry on state.delivery_key (expires_at);

create table state.port (
  port int primary key,
  node text not null,
  container_name text not null,
  container_port int not null,
  constraint port_endpoint unique (node, container_name, container_port)
);

create table state.deployment_log (
  deployment_id uuid not null,
  seq bigint not null,
  at timestamptz not null,
  stream text not null,
  step text,
  line text not null,
  primary key (deployment_id, seq)
);

create table state.idempotency_key (
  actor text not null,
  key text not null,
  request_hash text not null,
  status int,
  headers jsonb,
  body text,
  expires_at timestamptz not null,
  primary key (actor, key)
);
create index idempotency_key_expiry on state.idempotency_key (expires_at);

create table state.setup_code (
  hash text primary key,
  expires_at timestamptz not null,
  used_at timestamptz
);

create table state.credential (
  person_id uuid primary key,
  hash text not null
);

create table state.session (
  hash text primary key,
  person_id uuid not null,
  expires_at timestamptz not null
);
create index session_person on state.session (person_id);
create index session_expiry on state.session (expires_at);

create table state.memo (
  workload_id uuid not null,
  key text not null,
  extra_json jsonb not null,
  primary key (workload_id, key)
);

create table state.due (
  subject text primary key,
  retry_at timestamptz not null,
  attempt int not null default 0
);
create index due_retry on state.due (retry_at);

-- The subject's lease, locked until the commit; refused when it ended or has another holder.
create function log.assert_lease(lease_subject text, lease_epoch bigint) returns void language plpgsql as $$
begin
  perform from state.lease
    where subject = lease_subject and epoch = lease_epoch and until > clock_timestamp() for share;
  if not found then
    raise exception 'lease on % with epoch % is not held', lease_subject, lease_epoch using errcode = 'TF001';
  end if;
end $$;

-- Takes a free lease with the epoch after the one that was read; refused when somebody was faster.
create function log.claim_lease(lease_subject text, lease_owner text, lease_epoch bigint, ttl interval)
  returns void language plpgsql as $$
begin
  insert into state.lease as held (subject, owner, epoch, until)
    values (lease_subject, lease_owner, lease_epoch, clock_timestamp() + ttl)
    on conflict (subject) do update set owner = excluded.owner, epoch = excluded.epoch, until = excluded.until
      where held.until <= clock_timestamp() and held.epoch = excluded.epoch - 1;
  if not found then
    raise exception 'lease on % is held', lease_subject using errcode = 'TF001';
  end if;
end $$;
`,
};

import type { Migration } from './migration.js';

export const log: Migration = {
  name: '0001-log',
  up: `
create schema log;
comment on schema log is 'append only: the truth';

create table log.event (
  id bigint generated always as identity primary key,
  stream text not null,
  version int not null check (version > 0),
  type text not null,
  schema_version int not null default 1,
  body text not null,
  data jsonb not null generated always as (body::jsonb) stored,
  metadata jsonb not null,
  occurred_at timestamptz not null,
  constraint event_stream_version unique (stream, version)
);

-- Appended, but not numbered yet.
create table log.unsequenced (event_id bigint primary key)
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The order that readers see, and the hash chain over it.
create table log.position (
  position bigint primary key,
  event_id bigint not null constraint position_event unique,
  payload_hash bytea not null,
  hash bytea not null
);

-- Events that retention took away; their position and hashes stay.
create table log.pruned (event_id bigint primary key, pruned_at timestamptz not null default now());

create function log.refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and tg_table_name = 'event' and current_setting('tinyforge.pruning', true) = 'on' then
    return null;
  end if;
  raise exception '% on log.%: the log is append only', tg_op, tg_table_name using errcode = 'TF003';
end $$;

create trigger append_only before update or delete or truncate on log.event
  for each statement execute function log.refuse_change();
create trigger append_only before update or delete or truncate on log.position
  for each statement execute function log.refuse_change();
create trigger append_only before update or delete or truncate on log.pruned
  for each statement execute function log.refuse_change();

create function log.payload_hash(e log.event) returns bytea language sql stable as $$
  select sha256(convert_to(json_build_array(
    e.stream, e.version, e.type, e.schema_version, e.body, e.metadata::text,
    (extract(epoch from e.occurred_at) * 1000000)::bigint)::text, 'UTF8'))
$$;

create function log.chain_step(state bytea, payload_hash bytea, seed bytea) returns bytea
  language sql immutable parallel safe as $$ select sha256(coalesce(state, seed) || payload_hash) $$;

-- chain(payload_hash, seed) over (order by …): each row's hash follows from the one before it.
create aggregate log.chain(bytea, bytea) (sfunc = log.chain_step, stype = bytea);

-- Numbers up to "batch" committed events. Returns how many, or -1 while another session is at it.
create function log.sequence(batch int) returns int language plpgsql as $$
declare
  last_position bigint := 0;
  last_hash bytea := '';
  numbered int;
begin
  if not pg_try_advisory_xact_lock(7, 1) then
    return -1;
  end if;
  select p.position, p.hash into last_position, last_hash from log.position p order by p.position desc limit 1;
  with taken as (
    delete from log.unsequenced
      where event_id in (select u.event_id from log.unsequenced u order by u.event_id limit batch)
      returning event_id
  ), hashed as (
    select e.id, log.payload_hash(e) as payload_hash from taken t join log.event e on e.id = t.event_id
  )
  insert into log.position (position, event_id, payload_hash, hash)
    select coalesce(last_position, 0) + row_number() over w, h.id, h.payload_hash,
           log.chain(h.payload_hash, coalesce(last_hash, '')) over w
    from hashed h window w as (order by h.id);
  get diagnostics numbered = row_count;
  return numbered;
end $$;

-- Takes the streams in the order given (by name: writers of the same ones wait for each other instead of deadlocking
-- on the view rows), then refuses when one has moved since it was loaded.
create function log.lock_streams(streams text[], versions int[]) returns void language plpgsql as $$
declare
  found_version int;
begin
  for i in 1 .. cardinality(streams) loop
    perform pg_advisory_xact_lock(8, hashtext(streams[i]));
  end loop;
  for i in 1 .. cardinality(streams) loop
    select coalesce(max(version), 0) into found_version from log.event where stream = streams[i];
    if found_version <> versions[i] then
      raise exception '% is at version %, not %', streams[i], found_version, versions[i] using errcode = 'TF002';
    end if;
  end loop;
end $$;

-- A row that a decision relied on: locked, and refused when it has another version by now (null = absent).
create function log.assert_read(relation text, row_id text, expected int) returns void language plpgsql as $$
declare
  found_version int;
begin
  execute format('select version from %s where id = %L for share', relation::regclass, row_id) into found_version;
  if found_version is distinct from expected then
    raise exception '% % is at version %, not %', relation, row_id, found_version, expected using errcode = 'TF002';
  end if;
end $$;

-- Retention: whole streams of the two families that end. Returns how many events went.
create function log.prune(streams text[]) returns int language plpgsql security definer set search_path = pg_catalog as $$
declare
  gone int;
begin
  if exists (select from unnest(streams) s where s not like 'delivery-%' and s not like 'deployment-%') then
    raise exception 'only deliveries and deployments are pruned' using errcode = 'TF003';
  end if;
  if exists (select from log.unsequenced u join log.event e on e.id = u.event_id where e.stream = any (streams)) then
    raise exception 'an event of these streams has no position yet' using errcode = 'TF002';
  end if;
  perform set_config('tinyforge.pruning', 'on', true);
  with deleted as (delete from log.event where stream = any (streams) returning id)
    insert into log.pruned (event_id) select id from deleted;
  get diagnostics gone = row_count;
  perform set_config('tinyforge.pruning', 'off', true);
  return gone;
end $$;
`,
};

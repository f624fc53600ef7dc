-- Generated from a migrated database. Change a migration or views/schema.ts, then generate it anew.

create schema log;
create schema state;
create schema view;

create table log.event (
  id bigint generated always as identity not null,
  stream text not null,
  version integer not null,
  type text not null,
  schema_version integer default 1 not null,
  body text not null,
  data jsonb generated always as ((body)::jsonb) stored not null,
  metadata jsonb not null,
  occurred_at timestamp with time zone not null
);
create table log."position" (
  "position" bigint not null,
  event_id bigint not null,
  payload_hash bytea not null,
  hash bytea not null
);
create table log.pruned (
  event_id bigint not null,
  pruned_at timestamp with time zone default now() not null
);
create table log.unsequenced (
  event_id bigint not null
);
create table state.certificate (
  node text not null,
  host text not null,
  issuer text,
  expires_at timestamp with time zone,
  error text,
  seen_at timestamp with time zone not null
);
create table state.credential (
  person_id uuid not null,
  hash text not null,
  name text default ''::text not null
);
create table state.delivery_body (
  delivery_id uuid not null,
  key_id text not null,
  wrapped_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  expires_at timestamp with time zone not null
);
create table state.delivery_key (
  trigger_id uuid not null,
  key text not null,
  delivery_id uuid not null,
  expires_at timestamp with time zone not null
);
create table state.deployment_log (
  deployment_id uuid not null,
  seq bigint not null,
  at timestamp with time zone not null,
  stream text not null,
  step text,
  line text not null
);
create table state.due (
  subject text not null,
  retry_at timestamp with time zone not null,
  attempt integer default 0 not null
);
create table state.heal (
  workload_id uuid not null,
  lost_deployment_id uuid not null,
  attempt integer not null,
  desired text not null,
  deployment_id uuid not null,
  at timestamp with time zone default clock_timestamp() not null
);
create table state.heartbeat (
  owner text not null,
  role text not null,
  node text not null,
  release text not null,
  engine jsonb,
  free_bytes bigint,
  total_bytes bigint,
  started_at timestamp with time zone not null,
  seen_at timestamp with time zone not null,
  silent_at timestamp with time zone not null,
  left_at timestamp with time zone
);
create table state.idempotency_key (
  actor text not null,
  key text not null,
  request_hash text not null,
  status integer,
  headers jsonb,
  body text,
  expires_at timestamp with time zone not null
);
create table state.installation (
  is_only boolean default true not null,
  id uuid not null
);
create table state.lease (
  subject text not null,
  owner text not null,
  epoch bigint not null,
  until timestamp with time zone not null,
  at_hand text,
  holders integer default 0 not null
);
create table state.log_chunk (
  workload_id uuid not null,
  seq bigint not null,
  lines integer not null,
  bytes integer not null,
  container text not null,
  container_id text not null,
  deployment_id uuid,
  instance integer,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null,
  body text not null
);
create table state.log_cursor (
  container_id text not null,
  workload_id uuid not null,
  at text not null,
  repeats integer not null,
  seen_at timestamp with time zone default clock_timestamp() not null
);
create table state.log_head (
  workload_id uuid not null,
  next bigint not null
);
create table state.master_key_check (
  key_id text not null,
  check_value bytea not null,
  created_at timestamp with time zone default now() not null
);
create table state.memo (
  workload_id uuid not null,
  key text not null,
  extra_json jsonb not null
);
create table state.migration (
  name text not null,
  applied_at timestamp with time zone default now() not null
);
create table state.network (
  node text not null,
  subnet cidr not null,
  name text
);
create table state.port (
  port integer not null,
  node text not null,
  container_name text not null,
  container_port integer not null
);
create table state.proxy (
  node text not null,
  http_port integer not null,
  https_port integer not null
);
create table state.schedule (
  trigger_id uuid not null,
  timetable text not null,
  next_at timestamp with time zone not null,
  due_at timestamp with time zone not null
);
create table state.secret (
  id uuid not null,
  version integer not null,
  key_id text not null,
  wrapped_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  fingerprint text not null,
  created_at timestamp with time zone default now() not null
);
create table state.session (
  hash text not null,
  person_id uuid not null,
  expires_at timestamp with time zone not null
);
create table state.setup_code (
  hash text not null,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone
);
create table state.watch (
  kind text not null,
  key text not null,
  next_at timestamp with time zone not null,
  polled_at timestamp with time zone,
  failures integer default 0 not null,
  error text,
  seen jsonb default '{}'::jsonb not null
);
create table view.binding (
  id uuid not null,
  trigger_id uuid not null,
  workload_id uuid not null,
  override jsonb not null,
  enabled boolean not null,
  last jsonb,
  version integer not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);
create table view.claim (
  deployment_id uuid not null,
  workload_id uuid not null,
  host text not null,
  path text not null
);
create table view.delivery (
  id uuid not null,
  trigger_id uuid not null,
  trigger_kind text not null,
  origin text not null,
  vendor text not null,
  events jsonb not null,
  status text not null,
  reason text,
  replay_of uuid,
  retry_at timestamp with time zone,
  attempt integer default 0 not null,
  is_dispatched boolean default false not null,
  correlation_id text not null,
  version integer not null,
  received_at timestamp with time zone not null,
  settled_at timestamp with time zone
);
create table view.deployment (
  id uuid not null,
  workload_id uuid not null,
  workload_name text not null,
  source_kind text not null,
  node text not null,
  status text not null,
  reason text not null,
  note text,
  binding_id uuid,
  delivery_id uuid,
  release jsonb not null,
  restores uuid,
  promoted_from jsonb,
  rolled_back_by uuid,
  is_pinned boolean default false not null,
  pruned_at timestamp with time zone,
  previous_deployment_id uuid,
  plan jsonb default '[]'::jsonb not null,
  skipped_env jsonb default '[]'::jsonb not null,
  facts jsonb default '{}'::jsonb not null,
  error jsonb,
  retry_at timestamp with time zone,
  is_unfinished boolean default true not null,
  cancel_requested_at timestamp with time zone,
  correlation_id text not null,
  version integer not null,
  requested_at timestamp with time zone not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  release_key text generated always as (md5(((((((release - 'envVersion'::text) #- '{artifact,localId}'::text[]) #- '{artifact,images}'::text[]))::text || COALESCE(((release -> 'artifact'::text) ->> 'localId'::text),
CASE
    WHEN (((release -> 'artifact'::text) ->> 'digest'::text) IS NULL) THEN (facts ->> 'imageId'::text)
    ELSE NULL::text
END, ''::text)) || COALESCE((facts ->> 'images'::text), ((release -> 'artifact'::text) ->> 'images'::text), ''::text)))) stored not null
);
create table view.face (
  workload_id uuid not null,
  host text not null,
  path text not null,
  port integer
);
create table view.node (
  name text not null,
  engine jsonb,
  silent_since timestamp with time zone,
  version integer not null,
  joined_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);
create table view.observation (
  workload_id uuid not null,
  deployment_id uuid,
  state text,
  detail text default ''::text not null,
  containers jsonb default '[]'::jsonb not null,
  findings jsonb default '[]'::jsonb not null,
  drift_since timestamp with time zone,
  healed jsonb,
  crashes jsonb default '[]'::jsonb not null,
  watch_failed uuid,
  version integer not null,
  updated_at timestamp with time zone not null
);
create table view.person (
  id uuid not null,
  role text not null,
  version integer not null,
  created_at timestamp with time zone not null
);
create table view.registry (
  id uuid not null,
  name text not null,
  host text not null,
  username text,
  password jsonb,
  kind text not null,
  insecure boolean not null,
  version integer not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);
create table view.removal (
  node text not null,
  status text not null,
  containers jsonb not null,
  total integer not null,
  version integer not null,
  updated_at timestamp with time zone not null
);
create table view.settings (
  id text not null,
  data jsonb not null,
  version integer not null,
  updated_at timestamp with time zone not null
);
create table view.step (
  deployment_id uuid not null,
  name text not null,
  ordinal integer not null,
  status text not null,
  attempt integer not null,
  started_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  facts jsonb default '{}'::jsonb not null,
  error jsonb
);
create table view.token (
  id uuid not null,
  name text not null,
  role text not null,
  hash text not null,
  prefix text not null,
  workload_ids jsonb,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  version integer not null,
  created_at timestamp with time zone not null
);
create table view.trigger (
  id uuid not null,
  kind text not null,
  name text not null,
  config jsonb not null,
  webhook_enabled boolean not null,
  vendor text,
  url_secret_hash text not null,
  url_secret jsonb not null,
  previous_secret_hash text,
  previous_until timestamp with time zone,
  signing_secret jsonb,
  version integer not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);
create table view.verdict (
  delivery_id uuid not null,
  binding_id uuid not null,
  workload_id uuid not null,
  ordinal integer not null,
  verdict text not null,
  code text not null,
  reason text not null,
  inputs jsonb not null,
  deployment_id uuid
);
create table view.volume (
  node text not null,
  name text not null,
  scope text not null,
  workload_id uuid not null,
  workload_name text not null,
  removal jsonb,
  removed_at timestamp with time zone,
  version integer default 0 not null,
  updated_at timestamp with time zone not null
);
create table view.workload (
  id uuid not null,
  name text not null,
  title text,
  stage text,
  source_kind text not null,
  source_config jsonb not null,
  faces jsonb default '[]'::jsonb not null,
  env jsonb default '{}'::jsonb not null,
  env_version integer default 0 not null,
  volumes jsonb default '[]'::jsonb not null,
  parent_id uuid,
  node text not null,
  policy jsonb not null,
  claim text,
  hold jsonb,
  run_state text default 'running'::text not null,
  is_run_state_reached boolean default true not null,
  start_error jsonb,
  lifecycle text default 'present'::text not null,
  current_deployment_id uuid,
  pending_deployment_id uuid,
  running_deployment_id uuid,
  last_status text,
  condition text,
  current_artifact jsonb,
  state text generated always as (
CASE
    WHEN (lifecycle <> 'present'::text) THEN 'deleting'::text
    WHEN ((running_deployment_id IS NOT NULL) OR (pending_deployment_id IS NOT NULL)) THEN 'deploying'::text
    WHEN (run_state = 'stopped'::text) THEN 'stopped'::text
    WHEN ((current_deployment_id IS NOT NULL) AND (condition = ANY (ARRAY['degraded'::text, 'missing'::text]))) THEN 'degraded'::text
    WHEN (current_deployment_id IS NOT NULL) THEN 'running'::text
    WHEN (last_status = 'failed'::text) THEN 'failed'::text
    ELSE 'never-deployed'::text
END) stored not null,
  version integer not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

alter table log.event add constraint event_pkey PRIMARY KEY (id);
alter table log.event add constraint event_stream_version UNIQUE (stream, version);
alter table log.event add constraint event_version_check CHECK ((version > 0));
alter table log."position" add constraint position_event UNIQUE (event_id);
alter table log."position" add constraint position_pkey PRIMARY KEY ("position");
alter table log.pruned add constraint pruned_pkey PRIMARY KEY (event_id);
alter table log.unsequenced add constraint unsequenced_pkey PRIMARY KEY (event_id);
alter table state.certificate add constraint certificate_pkey PRIMARY KEY (node, host);
alter table state.credential add constraint credential_pkey PRIMARY KEY (person_id);
alter table state.delivery_body add constraint delivery_body_pkey PRIMARY KEY (delivery_id);
alter table state.delivery_key add constraint delivery_key_pkey PRIMARY KEY (trigger_id, key);
alter table state.deployment_log add constraint deployment_log_pkey PRIMARY KEY (deployment_id, seq);
alter table state.due add constraint due_pkey PRIMARY KEY (subject);
alter table state.heal add constraint heal_attempt PRIMARY KEY (workload_id, lost_deployment_id, attempt);
alter table state.heartbeat add constraint heartbeat_pkey PRIMARY KEY (owner, role);
alter table state.idempotency_key add constraint idempotency_key_pkey PRIMARY KEY (actor, key);
alter table state.installation add constraint installation_is_only_check CHECK (is_only);
alter table state.installation add constraint installation_pkey PRIMARY KEY (is_only);
alter table state.lease add constraint lease_pkey PRIMARY KEY (subject);
alter table state.log_chunk add constraint log_chunk_pkey PRIMARY KEY (workload_id, seq);
alter table state.log_cursor add constraint log_cursor_pkey PRIMARY KEY (container_id);
alter table state.log_head add constraint log_head_pkey PRIMARY KEY (workload_id);
alter table state.master_key_check add constraint master_key_check_pkey PRIMARY KEY (key_id);
alter table state.memo add constraint memo_pkey PRIMARY KEY (workload_id, key);
alter table state.migration add constraint migration_pkey PRIMARY KEY (name);
alter table state.network add constraint network_name UNIQUE (node, name);
alter table state.network add constraint network_subnet PRIMARY KEY (node, subnet);
alter table state.port add constraint port_endpoint UNIQUE (node, container_name, container_port);
alter table state.port add constraint port_pkey PRIMARY KEY (port);
alter table state.proxy add constraint proxy_pkey PRIMARY KEY (node);
alter table state.schedule add constraint schedule_pkey PRIMARY KEY (trigger_id, timetable);
alter table state.secret add constraint secret_pkey PRIMARY KEY (id, version);
alter table state.session add constraint session_pkey PRIMARY KEY (hash);
alter table state.setup_code add constraint setup_code_pkey PRIMARY KEY (hash);
alter table state.watch add constraint watch_pkey PRIMARY KEY (kind, key);
alter table view.binding add constraint binding_pkey PRIMARY KEY (id);
alter table view.binding add constraint binding_workload_trigger UNIQUE (workload_id, trigger_id);
alter table view.delivery add constraint delivery_pkey PRIMARY KEY (id);
alter table view.deployment add constraint deployment_pkey PRIMARY KEY (id);
alter table view.face add constraint face_host_path UNIQUE (host, path);
alter table view.node add constraint node_pkey PRIMARY KEY (name);
alter table view.observation add constraint observation_pkey PRIMARY KEY (workload_id);
alter table view.person add constraint person_pkey PRIMARY KEY (id);
alter table view.registry add constraint registry_name UNIQUE (name);
alter table view.registry add constraint registry_pkey PRIMARY KEY (id);
alter table view.removal add constraint removal_pkey PRIMARY KEY (node);
alter table view.settings add constraint settings_pkey PRIMARY KEY (id);
alter table view.step add constraint step_pkey PRIMARY KEY (deployment_id, name);
alter table view.token add constraint token_hash UNIQUE (hash);
alter table view.token add constraint token_pkey PRIMARY KEY (id);
alter table view.trigger add constraint trigger_name_kind UNIQUE (name, kind);
alter table view.trigger add constraint trigger_pkey PRIMARY KEY (id);
alter table view.verdict add constraint verdict_pkey PRIMARY KEY (delivery_id, binding_id);
alter table view.volume add constraint volume_pkey PRIMARY KEY (node, name);
alter table view.workload add constraint workload_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX credential_name ON state.credential USING btree (lower(name));
CREATE INDEX delivery_body_expiry ON state.delivery_body USING btree (expires_at);
CREATE INDEX delivery_key_expiry ON state.delivery_key USING btree (expires_at);
CREATE INDEX due_retry ON state.due USING btree (retry_at);
CREATE INDEX heal_expiry ON state.heal USING btree (at);
CREATE INDEX heal_workload ON state.heal USING btree (workload_id, at);
CREATE INDEX heartbeat_node ON state.heartbeat USING btree (node, silent_at);
CREATE INDEX idempotency_key_expiry ON state.idempotency_key USING btree (expires_at);
CREATE INDEX log_chunk_age ON state.log_chunk USING btree (last_at);
CREATE INDEX log_cursor_age ON state.log_cursor USING btree (seen_at);
CREATE INDEX schedule_due ON state.schedule USING btree (due_at);
CREATE INDEX secret_key ON state.secret USING btree (key_id);
CREATE INDEX session_expiry ON state.session USING btree (expires_at);
CREATE INDEX session_person ON state.session USING btree (person_id);
CREATE INDEX binding_trigger ON view.binding USING btree (trigger_id, id);
CREATE INDEX claim_deployment ON view.claim USING btree (deployment_id);
CREATE INDEX claim_face ON view.claim USING btree (host, path);
CREATE INDEX claim_workload ON view.claim USING btree (workload_id);
CREATE INDEX delivery_open ON view.delivery USING btree (id) WHERE (status = ANY (ARRAY['accepted'::text, 'dispatching'::text]));
CREATE INDEX delivery_trigger ON view.delivery USING btree (trigger_id, id);
CREATE UNIQUE INDEX deployment_delivery_binding ON view.deployment USING btree (delivery_id, binding_id) WHERE (delivery_id IS NOT NULL);
CREATE UNIQUE INDEX deployment_one_running ON view.deployment USING btree (workload_id) WHERE (status = 'running'::text);
CREATE UNIQUE INDEX deployment_one_waiting ON view.deployment USING btree (workload_id) WHERE (status = 'waiting'::text);
CREATE INDEX deployment_retained ON view.deployment USING btree (workload_id, id) WHERE ((status = ANY (ARRAY['succeeded'::text, 'rolled_back'::text])) AND (pruned_at IS NULL));
CREATE INDEX deployment_unfinished ON view.deployment USING btree (node, id) WHERE is_unfinished;
CREATE INDEX deployment_workload ON view.deployment USING btree (workload_id, id);
CREATE INDEX face_workload ON view.face USING btree (workload_id);
CREATE INDEX registry_host ON view.registry USING btree (host);
CREATE UNIQUE INDEX token_name ON view.token USING btree (name) WHERE (revoked_at IS NULL);
CREATE INDEX trigger_previous_secret ON view.trigger USING btree (previous_secret_hash) WHERE (previous_secret_hash IS NOT NULL);
CREATE UNIQUE INDEX trigger_url_secret ON view.trigger USING btree (url_secret_hash);
CREATE INDEX verdict_workload ON view.verdict USING btree (workload_id, delivery_id);
CREATE UNIQUE INDEX workload_claim ON view.workload USING btree (node, claim) WHERE (lifecycle <> 'gone'::text);
CREATE INDEX workload_deleting ON view.workload USING btree (id) WHERE (lifecycle = 'deleting'::text);
CREATE UNIQUE INDEX workload_name ON view.workload USING btree (name) WHERE (lifecycle <> 'gone'::text);
CREATE INDEX workload_parent ON view.workload USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX workload_run_state_owed ON view.workload USING btree (node, id) WHERE (NOT is_run_state_reached);

CREATE OR REPLACE FUNCTION log.assert_childless(workload uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_advisory_xact_lock(11, 1);
  perform from view.workload w where w.parent_id = workload and w.lifecycle <> 'gone';
  if found then
    raise exception 'workload % has children', workload using errcode = '23503', constraint = 'workload_childless';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_domain(workload uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  current text;
begin
  select s.data->>'domain' into current from view.settings s where s.id = 'instance' for share;
  perform from view.workload w, jsonb_array_elements(w.faces) f
    where (workload is null or w.id = workload) and w.lifecycle = 'present' and f ? 'subdomain'
      and f->>'host' is distinct from (f->>'subdomain') || '.' || current;
  if found then
    raise exception 'the domain was changed meanwhile' using errcode = '23514', constraint = 'face_domain';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_healable(workload uuid, lost uuid, healing uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform from view.workload w
    where w.id = workload and w.current_deployment_id = lost and w.pending_deployment_id = healing
      and w.running_deployment_id is null and w.run_state = 'running' and w.lifecycle = 'present'
      and not exists (select from view.deployment d
        where d.workload_id = workload and d.is_unfinished and d.id <> healing)
    for update;
  if not found then
    raise exception 'workload % does not want deployment % back any more', workload, lost using errcode = 'TF009';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_hosts(deployment uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  taken record;
begin
  perform pg_advisory_xact_lock(11, face.key) from (
    select distinct hashtext(c.host || c.path) as key from view.claim c where c.deployment_id = deployment order by 1) face;
  select mine.host || mine.path as face, other.workload_id as owner into taken
    from view.claim mine join view.claim other
      on other.host = mine.host and other.path = mine.path and other.workload_id <> mine.workload_id
    where mine.deployment_id = deployment and not exists (
      select from view.claim own where own.workload_id = mine.workload_id and own.deployment_id <> deployment
        and own.host = mine.host and own.path = mine.path)
    limit 1;
  if found then
    raise exception '% is served by workload %', taken.face, taken.owner using errcode = '23505', constraint = 'claim_face';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_lease(lease_subject text, lease_epoch bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform from state.lease
    where subject = lease_subject and epoch = lease_epoch and until > clock_timestamp() for share;
  if not found then
    raise exception 'lease on % with epoch % is not held', lease_subject, lease_epoch using errcode = 'TF001';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_parent(workload uuid, parent uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_advisory_xact_lock(11, 1);
  perform from view.workload w where w.id = parent and w.lifecycle = 'present';
  if not found then
    raise exception 'there is no workload %', parent using errcode = '23503', constraint = 'workload_parent_known';
  end if;
  perform from (
    with recursive above as (
      select w.id, w.parent_id from view.workload w where w.id = parent
      union
      select w.id, w.parent_id from view.workload w join above a on w.id = a.parent_id
    ) select id from above) chain where chain.id = workload;
  if found then
    raise exception 'workload % stands above %', workload, parent using errcode = '23514', constraint = 'workload_parent_cycle';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_read(relation text, row_id text, expected integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  found_version int;
begin
  execute format('select version from %s where id = %L for share', relation::regclass, row_id) into found_version;
  if found_version is distinct from expected then
    raise exception '% % is at version %, not %', relation, row_id, found_version, expected using errcode = 'TF002';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_reads(relation text, row_ids uuid[], versions integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  locked int;
begin
  execute format(
    'with wanted as (select * from unnest($1, $2) as w (id, version)),
      held as (select t.id, t.version from %s t where t.id = any ($1) order by t.id for share)
    select count(*) from held join wanted using (id, version)', relation::regclass)
    into locked using row_ids, versions;
  if locked <> cardinality(row_ids) then
    raise exception 'a row of % has another version by now', relation using errcode = 'TF002';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_room(delivery text, most integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_advisory_xact_lock(8, hashtext(delivery));
  if (select count(*) from view.deployment where delivery_id = delivery::uuid and status = 'running') >= most then
    raise exception 'delivery % has % deployments running', delivery, most using errcode = 'TF004';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.assert_serving(workload uuid, deployment uuid, alone boolean)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  perform from view.workload w where w.id = workload and w.current_deployment_id is not distinct from deployment
    and not (alone and w.running_deployment_id is not null) for share;
  if not found then
    raise exception 'deployment % does not serve workload % any more', deployment, workload using errcode = 'TF005';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.chain_step(state bytea, payload_hash bytea, seed bytea)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select sha256(coalesce(state, seed) || payload_hash) $function$
;
CREATE OR REPLACE FUNCTION log.claim_lease(lease_subject text, lease_owner text, lease_epoch bigint, ttl interval)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into state.lease as held (subject, owner, epoch, until)
    values (lease_subject, lease_owner, lease_epoch, clock_timestamp() + ttl)
    on conflict (subject) do update set owner = excluded.owner, epoch = excluded.epoch, until = excluded.until
      where held.until <= clock_timestamp() and held.epoch = excluded.epoch - 1;
  if not found then
    raise exception 'lease on % is held', lease_subject using errcode = 'TF001';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.lock_streams(streams text[], versions integer[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  moved record;
begin
  for i in 1 .. cardinality(streams) loop
    perform pg_advisory_xact_lock(8, hashtext(streams[i]));
  end loop;
  select w.stream, w.expected, actual.version into moved
    from unnest(streams, versions) as w (stream, expected)
    cross join lateral (select coalesce(max(e.version), 0) as version from log.event e where e.stream = w.stream) actual
    where actual.version <> w.expected limit 1;
  if found then
    raise exception '% is at version %, not %', moved.stream, moved.version, moved.expected using errcode = 'TF002';
  end if;
end $function$
;
CREATE OR REPLACE FUNCTION log.payload_hash(e log.event)
 RETURNS bytea
 LANGUAGE sql
 STABLE
AS $function$
  select sha256(convert_to(json_build_array(
    e.stream, e.version, e.type, e.schema_version, e.body, e.metadata::text,
    (extract(epoch from e.occurred_at) * 1000000)::bigint)::text, 'UTF8'))
$function$
;
CREATE OR REPLACE FUNCTION log.prune(streams text[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $function$
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
end $function$
;
CREATE OR REPLACE FUNCTION log.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if tg_op = 'DELETE' and tg_table_name = 'event' and current_setting('tinyforge.pruning', true) = 'on' then
    return null;
  end if;
  raise exception '% on log.%: the log is append only', tg_op, tg_table_name using errcode = 'TF003';
end $function$
;
CREATE OR REPLACE FUNCTION log.sequence(batch integer)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

create aggregate log.chain(bytea, bytea) (sfunc = log.chain_step, stype = bytea);

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON log.event FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON log."position" FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON log.pruned FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

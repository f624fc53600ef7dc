/**
 * The `view` schema: rebuildable from the log, written only by the project functions beside this file.
 * Rules across streams are the named constraints; `constraints.ts` says which Rejection each one means.
 */
export const VIEW_DDL = `
create schema if not exists view;

create table view.workload (
  id uuid primary key,
  name text not null,
  title text,
  stage text,
  source_kind text not null,
  source_config jsonb not null,
  faces jsonb not null default '[]',
  env jsonb not null default '{}',
  env_version int not null default 0,
  volumes jsonb not null default '[]',
  parent_id uuid,
  node text not null,
  policy jsonb not null,
  claim text,
  hold jsonb,
  run_state text not null default 'running',
  is_run_state_reached boolean not null default true,
  start_error jsonb,
  lifecycle text not null default 'present',
  current_deployment_id uuid,
  pending_deployment_id uuid,
  running_deployment_id uuid,
  last_status text,
  condition text,
  current_artifact jsonb,
  state text not null generated always as (
    case
      when lifecycle <> 'present' then 'deleting'
      when running_deployment_id is not null or pending_deployment_id is not null then 'deploying'
      when run_state = 'stopped' then 'stopped'
      when current_deployment_id is not null and condition in ('degraded', 'missing') then 'degraded'
      when current_deployment_id is not null then 'running'
      when last_status = 'failed' then 'failed'
      else 'never-deployed'
    end) stored,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index workload_name on view.workload (name) where lifecycle <> 'gone';
create unique index workload_claim on view.workload (node, claim) where lifecycle <> 'gone';
create index workload_parent on view.workload (parent_id) where parent_id is not null;
create index workload_run_state_owed on view.workload (node, id) where not is_run_state_reached;
create index workload_deleting on view.workload (id) where lifecycle = 'deleting';

create table view.face (
  workload_id uuid not null,
  host text not null,
  path text not null,
  port int,
  constraint face_host_path unique (host, path)
);
create index face_workload on view.face (workload_id);

create table view.trigger (
  id uuid primary key,
  kind text not null,
  name text not null,
  config jsonb not null,
  webhook_enabled boolean not null,
  vendor text,
  url_secret_hash text not null,
  url_secret jsonb not null,
  previous_secret_hash text,
  previous_until timestamptz,
  signing_secret jsonb,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint trigger_name_kind unique (name, kind)
);
create unique index trigger_url_secret on view.trigger (url_secret_hash);
create index trigger_previous_secret on view.trigger (previous_secret_hash) where previous_secret_hash is not null;

create table view.binding (
  id uuid primary key,
  trigger_id uuid not null,
  workload_id uuid not null,
  override jsonb not null,
  enabled boolean not null,
  last jsonb,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint binding_workload_trigger unique (workload_id, trigger_id)
);
create index binding_trigger on view.binding (trigger_id, id);

create table view.delivery (
  id uuid primary key,
  trigger_id uuid not null,
  trigger_kind text not null,
  origin text not null,
  vendor text not null,
  events jsonb not null,
  status text not null,
  reason text,
  replay_of uuid,
  retry_at timestamptz,
  attempt int not null default 0,
  is_dispatched boolean not null default false,
  correlation_id text not null,
  version int not null,
  received_at timestamptz not null,
  settled_at timestamptz
);
create index delivery_trigger on view.delivery (trigger_id, id);
create index delivery_open on view.delivery (id) where status in ('accepted', 'dispatching');

create table view.verdict (
  delivery_id uuid not null,
  binding_id uuid not null,
  workload_id uuid not null,
  ordinal int not null,
  verdict text not null,
  code text not null,
  reason text not null,
  inputs jsonb not null,
  deployment_id uuid,
  primary key (delivery_id, binding_id)
);
create index verdict_workload on view.verdict (workload_id, delivery_id);

create table view.deployment (
  id uuid primary key,
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
  is_pinned boolean not null default false,
  pruned_at timestamptz,
  previous_deployment_id uuid,
  plan jsonb not null default '[]',
  skipped_env jsonb not null default '[]',
  facts jsonb not null default '{}',
  error jsonb,
  retry_at timestamptz,
  is_unfinished boolean not null default true,
  cancel_requested_at timestamptz,
  correlation_id text not null,
  version int not null,
  requested_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  -- Equal for deployments that brought up the same: a rollback and a heal make no new release.
  release_key text not null generated always as (md5(
    ((release - 'envVersion') #- '{artifact,localId}' #- '{artifact,images}')::text
      || coalesce(release->'artifact'->>'localId', case when release->'artifact'->>'digest' is null then facts->>'imageId' end, '')
      || coalesce(facts->>'images', release->'artifact'->>'images', ''))) stored
);
create unique index deployment_one_running on view.deployment (workload_id) where status = 'running';
create unique index deployment_one_waiting on view.deployment (workload_id) where status = 'waiting';
create unique index deployment_delivery_binding on view.deployment (delivery_id, binding_id) where delivery_id is not null;
create index deployment_workload on view.deployment (workload_id, id);
create index deployment_retained on view.deployment (workload_id, id)
  where status in ('succeeded', 'rolled_back') and pruned_at is null;
create index deployment_unfinished on view.deployment (node, id) where is_unfinished;

-- Faces of what serves and of what is on its way there: from the claim of a deployment until a later one has switched.
create table view.claim (
  deployment_id uuid not null,
  workload_id uuid not null,
  host text not null,
  path text not null
);
create index claim_face on view.claim (host, path);
create index claim_workload on view.claim (workload_id);
create index claim_deployment on view.claim (deployment_id);

create table view.step (
  deployment_id uuid not null,
  name text not null,
  ordinal int not null,
  status text not null,
  attempt int not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  facts jsonb not null default '{}',
  error jsonb,
  primary key (deployment_id, name)
);

create table view.registry (
  id uuid primary key,
  name text not null,
  host text not null,
  username text,
  password jsonb,
  kind text not null,
  insecure boolean not null,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint registry_name unique (name)
);
create index registry_host on view.registry (host);

create table view.person (
  id uuid primary key,
  role text not null,
  version int not null,
  created_at timestamptz not null
);

create table view.token (
  id uuid primary key,
  name text not null,
  role text not null,
  hash text not null,
  prefix text not null,
  workload_ids jsonb,
  expires_at timestamptz,
  revoked_at timestamptz,
  version int not null,
  created_at timestamptz not null,
  constraint token_hash unique (hash)
);
create unique index token_name on view.token (name) where revoked_at is null;

create table view.settings (
  id text primary key,
  data jsonb not null,
  version int not null,
  updated_at timestamptz not null
);

create table view.observation (
  workload_id uuid primary key,
  deployment_id uuid,
  state text,
  detail text not null default '',
  containers jsonb not null default '[]',
  findings jsonb not null default '[]',
  drift_since timestamptz,
  healed jsonb,
  crashes jsonb not null default '[]',
  watch_failed uuid,
  version int not null,
  updated_at timestamptz not null
);

create table view.node (
  name text primary key,
  engine jsonb,
  silent_since timestamptz,
  version int not null,
  joined_at timestamptz not null,
  updated_at timestamptz not null
);

create table view.volume (
  node text not null,
  name text not null,
  scope text not null,
  workload_id uuid not null,
  workload_name text not null,
  removal jsonb,
  removed_at timestamptz,
  version int not null default 0,
  updated_at timestamptz not null,
  primary key (node, name)
);

create table view.removal (
  node text primary key,
  status text not null,
  containers jsonb not null,
  total int not null,
  version int not null,
  updated_at timestamptz not null
);
`;

import type { Migration } from './migration.js';

export const faces: Migration = {
  name: '0008-faces',
  up: `
-- Where the proxy of a node was found listening: the API may be told port 0, and run on another host.
create table state.proxy (
  node text primary key,
  http_port int not null,
  https_port int not null
);

-- Blocks of TINYFORGE_SUBNET_POOL that private networks have. A stranger's (name null) stays out of the draw.
create table state.network (
  node text not null,
  subnet cidr not null,
  name text,
  constraint network_subnet primary key (node, subnet),
  constraint network_name unique (node, name)
);

-- Hosts completed by the domain of the settings follow it, those of one workload or (null) of all: a workload that is
-- made while the domain changes is on one of its two sides.
create function log.assert_domain(workload uuid) returns void language plpgsql as $$
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
end $$;
`,
};

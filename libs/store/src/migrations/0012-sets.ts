import type { Migration } from './migration.js';

/** What a commit over many streams asks, in one query each instead of one per stream. */
export const sets: Migration = {
  name: '0012-sets',
  up: `
create or replace function log.lock_streams(streams text[], versions int[]) returns void language plpgsql as $$
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
end $$;

-- As assert_read, of many rows of one table, which are locked by id.
create function log.assert_reads(relation text, row_ids uuid[], versions int[]) returns void language plpgsql as $$
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
end $$;
`,
};

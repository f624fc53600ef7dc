import type { Migration } from './migration.js';

/** Two workloads never serve one host and path, whatever their configs say by now. */
export const hosts: Migration = {
  name: '0013-hosts',
  up: `
-- Asked in the commit that claims a deployment, behind its rows in view.claim: of two that want one face the second one
-- waits here for the first, and sees it. What serves already may go on with the faces it has.
create function log.assert_hosts(deployment uuid) returns void language plpgsql as $$
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
end $$;
`,
};

import type { Migration } from './migration.js';

export const room: Migration = {
  name: '0003-room',
  up: `
-- Of one delivery at most that many deployments run at a time: counted one claim after the other.
create function log.assert_room(delivery text, most int) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(8, hashtext(delivery));
  if (select count(*) from view.deployment where delivery_id = delivery::uuid and status = 'running') >= most then
    raise exception 'delivery % has % deployments running', delivery, most using errcode = 'TF004';
  end if;
end $$;
`,
};

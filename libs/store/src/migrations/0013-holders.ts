import type { Migration } from './migration.js';

/** What is worked at under a lease, and how many holders have begun with it and not let go: all but one of them died. */
export const holders: Migration = {
  name: '0013-holders',
  up: `
alter table state.lease add column at_hand text;
alter table state.lease add column holders int not null default 0;
`,
};

import type { Migration } from './migration.js';

/** What a person signs in with: personal data, so it stands here and in no event. */
export const credentialName: Migration = {
  name: '0004-credential-name',
  up: `
alter table state.credential add column name text not null default '';
create unique index credential_name on state.credential (lower(name));
`,
};

import type { Migration } from './migration.js';

/** What the proxy of a node shows for a host with TLS, as it was seen last. */
export const certificates: Migration = {
  name: '0013-certificates',
  up: `
create table state.certificate (
  node text not null,
  host text not null,
  issuer text,
  expires_at timestamptz,
  -- Why there is none.
  error text,
  seen_at timestamptz not null,
  primary key (node, host)
);
`,
};

import { log } from './0001-log.js';
import { state } from './0002-state.js';
import { room } from './0003-room.js';
import { credentialName } from './0004-credential-name.js';
import { guards } from './0005-guards.js';
import { faces } from './0008-faces.js';
import { drift } from './0009-drift.js';
import { nodesAndLogs } from './0010-nodes-and-logs.js';
import { sets } from './0012-sets.js';
import { holders } from './0013-holders.js';
import { hosts } from './0013-hosts.js';
import { certificates } from './0013-certificates.js';
import { schedules } from './0020-schedules.js';
import { watches } from './0021-watches.js';
import type { Migration } from './migration.js';

/** Forward only, in this order. */
export const MIGRATIONS: readonly Migration[] = [
  log,
  state,
  room,
  credentialName,
  guards,
  faces,
  drift,
  nodesAndLogs,
  sets,
  holders,
  hosts,
  certificates,
  schedules,
  watches,
];

import { oneLine } from '#domain/one-line';
import type { StepFailure } from '#domain/deployment';
import type { Release, Step, StepIo } from '../../source.js';
import type { StaticConfig } from './config.dto.js';
import { ROLE } from './names.js';

/** Keys of `extra_json` that are the sync's; others are left as they are. */
export interface SyncState {
  readonly last_commit_sha: string | null;
  /** ISO 8601: when the site was last seen to be what its commit says. */
  readonly last_sync_at: string | null;
  readonly last_error: string | null;
  readonly status: 'syncing' | 'synced' | 'failed' | null;
}

export async function notedAsSyncing(io: StepIo): Promise<void> {
  await note(io, { status: 'syncing' });
}

/** After the switch, so that it says what serves. */
export function noteStep({ artifact }: Release<StaticConfig>): Step {
  return {
    name: 'note',
    async run(io) {
      await notedAsSynced(io, artifact.sha ?? null);
      return {};
    },
  };
}

export async function notedAsSynced(io: StepIo, sha: string | null): Promise<void> {
  const last_sync_at = new Date(io.clock.now()).toISOString();
  await note(io, { last_commit_sha: sha, last_sync_at, last_error: null, status: 'synced' });
}

export async function notedAsFailed(io: StepIo, { message }: Pick<StepFailure, 'message'>): Promise<void> {
  await note(io, { last_error: oneLine(message), status: 'failed' });
}

/** What was begun did not come to pass: what serves is what served. */
export async function notedAsBefore(io: StepIo): Promise<void> {
  const { last_commit_sha: sha } = await io.memo.read(ROLE);
  await note(io, { status: typeof sha === 'string' ? 'synced' : null });
}

async function note(io: StepIo, changes: Partial<SyncState>): Promise<void> {
  await io.memo.patch(ROLE, changes);
}

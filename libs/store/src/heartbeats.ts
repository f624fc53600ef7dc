import type { Pool } from 'pg';
import type { Engine } from '#domain/node';

export const ROLES = ['deploy-worker', 'reconciler'] as const;
export type Role = (typeof ROLES)[number];

/** What a process that serves a node says of itself. */
export interface Heartbeat {
  readonly owner: string;
  readonly role: Role;
  readonly node: string;
  /** Of Tiny Forge. */
  readonly release: string;
  readonly engine: Engine | null;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly startedAt: Date;
  /** Milliseconds without another one after which it counts as silent. */
  readonly silentMs: number;
}

export async function beat(pool: Pool, given: Heartbeat): Promise<void> {
  const { owner, role, node, release, engine, disk, startedAt, silentMs } = given;
  await pool.query({
    name: 'beat',
    text: `insert into state.heartbeat as h
        (owner, role, node, release, engine, free_bytes, total_bytes, started_at, seen_at, silent_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), clock_timestamp() + $9 * interval '1 millisecond')
      on conflict (owner, role) do update set node = excluded.node, release = excluded.release,
        engine = excluded.engine, free_bytes = excluded.free_bytes, total_bytes = excluded.total_bytes,
        started_at = excluded.started_at, seen_at = excluded.seen_at, silent_at = excluded.silent_at, left_at = null`,
    values: [
      owner,
      role,
      node,
      release,
      engine === null ? null : JSON.stringify(engine),
      disk?.freeBytes ?? null,
      disk?.totalBytes ?? null,
      startedAt,
      silentMs,
    ],
  });
}

/** It ends on purpose: nobody waits for it. */
export async function leave(pool: Pool, { owner, role }: Pick<Heartbeat, 'owner' | 'role'>): Promise<void> {
  await pool.query('update state.heartbeat set left_at = clock_timestamp() where owner = $1 and role = $2', [
    owner,
    role,
  ]);
}

export interface Liveness {
  readonly node: string;
  /** Of any of its processes. */
  readonly seenAt: Date;
  readonly isSilent: boolean;
  /** Somebody deploys there. */
  readonly isServed: boolean;
}

/** Every node that was ever heard of. A node that all processes left is silent once they would be. */
export async function readLiveness(pool: Pool): Promise<readonly Liveness[]> {
  const { rows } = await pool.query<Liveness>({
    name: 'liveness',
    text: `select node, max(seen_at) as "seenAt", max(silent_at) <= clock_timestamp() as "isSilent",
        bool_or(role = 'deploy-worker' and left_at is null and silent_at > clock_timestamp()) as "isServed"
      from state.heartbeat group by node`,
  });
  return rows;
}

import type { Pool } from 'pg';

type Extra = Readonly<Record<string, unknown>>;

/** `extra_json` of a container row; `{}` where there is none. */
export async function readMemo(pool: Pool, workloadId: string, role: string): Promise<Extra> {
  const { rows } = await pool.query<{ extra: Extra }>({
    name: 'read-memo',
    text: 'select extra_json as extra from state.memo where workload_id = $1 and key = $2',
    values: [workloadId, role],
  });
  return rows[0]?.extra ?? {};
}

/** Sets the keys given, drops those that are null; keys of others, a newer release's among them, stay as they are. */
export async function patchMemo(
  pool: Pool,
  { workloadId, role }: { readonly workloadId: string; readonly role: string },
  changes: Extra,
): Promise<void> {
  const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value != null));
  const cleared = Object.keys(changes).filter((key) => changes[key] === null);
  await pool.query({
    name: 'patch-memo',
    text: `insert into state.memo as held (workload_id, key, extra_json) values ($1, $2, $3)
      on conflict (workload_id, key) do update set extra_json = (held.extra_json - $4::text[]) || excluded.extra_json`,
    values: [workloadId, role, JSON.stringify(set), cleared],
  });
}

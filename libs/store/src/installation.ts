import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

/**
 * Names this installation on whatever it makes in Docker: several may share one engine. Made by whoever asks first;
 * it lies in the state, so it survives backup, export and import.
 */
export async function installationId(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `with made as (insert into state.installation (id) values ($1) on conflict do nothing returning id)
      select id from made union all select id from state.installation limit 1`,
    [randomUUID()],
  );
  // Another process was faster, and its row was not there yet when this statement began.
  return rows[0]?.id ?? (await installationId(pool));
}

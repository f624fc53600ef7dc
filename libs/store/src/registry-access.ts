import type { Pool } from 'pg';
import type { SecretRef } from '#domain/secret-ref';
import type { Secrets } from './secrets.js';

export interface RegistryAccessRow {
  readonly host: string;
  readonly insecure: boolean;
  readonly named: boolean;
  readonly credential: { readonly username: string; readonly password: string } | null;
}

/** How to reach a registry: by the record's name, else by host; without a record anonymously, over https, if public. */
export async function registryAccess(
  { pool, secrets }: { readonly pool: Pool; readonly secrets: Secrets },
  host: string,
  name: string | null,
): Promise<RegistryAccessRow> {
  const { rows } = await pool.query<{
    host: string;
    insecure: boolean;
    username: string | null;
    password: SecretRef | null;
  }>({
    name: 'registry-access',
    text: `select host, insecure, username, password from view.registry
      where host = $1 and ($2::text is null or name = $2) order by created_at limit 1`,
    values: [host, name],
  });
  const row = rows[0];
  if (row === undefined) return { host, insecure: false, named: false, credential: null };
  const { username, password } = row;
  const credential =
    username === null || password === null ? null : { username, password: await secrets.open(password) };
  return { host, insecure: row.insecure, named: true, credential };
}

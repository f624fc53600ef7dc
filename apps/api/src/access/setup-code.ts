import type { Store } from '#store/store';
import { hashOf, newSecret } from './secret-hash.js';

type Pooled = Pick<Store, 'pool'>;

/** A new one-time code for `/setup#code=…`, 1 h; earlier ones end. Null once there is a person. */
export async function createSetupCode({ pool }: Pooled): Promise<string | null> {
  if (await hasPeople({ pool })) return null;
  const code = newSecret();
  await pool.query('delete from state.setup_code');
  await pool.query(`insert into state.setup_code (hash, expires_at) values ($1, now() + interval '1 hour')`, [
    hashOf(code),
  ]);
  return code;
}

/** What the first start prints: behind the `#`, so that the code reaches no log on its way. Null once there is a person. */
export async function createSetupLink(store: Pooled, apiUrl: string): Promise<string | null> {
  const code = await createSetupCode(store);
  return code === null ? null : `${apiUrl}/setup#code=${code}`;
}

/** Uses the code up. False: it is unknown, expired or used. */
export async function takeSetupCode({ pool }: Pooled, code: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    'update state.setup_code set used_at = now() where hash = $1 and used_at is null and expires_at > now()',
    [hashOf(code)],
  );
  return rowCount === 1;
}

/** What it was taken for did not come about. */
export async function giveBackSetupCode({ pool }: Pooled, code: string): Promise<void> {
  await pool.query('update state.setup_code set used_at = null where hash = $1', [hashOf(code)]);
}

export async function hasPeople({ pool }: Pooled): Promise<boolean> {
  const { rows } = await pool.query<{ any: boolean }>('select exists (select from view.person) as any');
  return rows[0]?.any === true;
}

import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { TerminalError } from '#domain/errors';

/** The key that wraps all data keys. It lives in a file beside the database, never in it. */
export interface MasterKey {
  /** Tells keys apart; derived, gives nothing away. */
  readonly id: string;
  /** A key for one purpose; the master key itself is used for nothing else. */
  derive(purpose: string): Buffer;
}

const BYTES = 32;

export function masterKey(bytes: Buffer): MasterKey {
  if (bytes.length !== BYTES) throw new TerminalError('bad-master-key', `The master key has ${bytes.length} bytes, not ${BYTES}.`, 'operator');
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', bytes, '', `tiny-forge ${purpose}`, BYTES));
  return { id: derive('key id').toString('hex').slice(0, 16), derive };
}

/** Reads the file: 32 bytes in base64. */
export async function readMasterKey(path: string): Promise<MasterKey> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TerminalError('no-master-key', `The master key ${path} cannot be read (${error.code}). Restore it from your backup.`, 'operator');
  });
  return masterKey(Buffer.from(text.trim(), 'base64'));
}

/** Reads the file, or makes it when there is none: readable by its owner only, never overwritten. */
export async function readOrCreateMasterKey(path: string): Promise<MasterKey> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(BYTES).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readMasterKey(path);
}

/** Notes the key's check value at the first start; refuses another key afterwards. */
export async function assertMasterKey(pool: Pool, key: MasterKey): Promise<void> {
  const { rows } = await pool.query<{ key_id: string; check_value: Buffer }>(
    `with noted as (
       insert into state.master_key_check (key_id, check_value)
         select $1, $2 where not exists (select from state.master_key_check) on conflict do nothing
         returning key_id, check_value)
     select key_id, check_value from noted union all select key_id, check_value from state.master_key_check`,
    [key.id, checkValue(key)],
  );
  const noted = rows.find(({ key_id }) => key_id === key.id);
  if (noted && timingSafeEqual(noted.check_value, checkValue(key))) return;
  throw new TerminalError(
    'wrong-master-key',
    'The master key is not the one that this database was set up with: its secrets could not be opened. Put the right master.key back.',
    'operator',
  );
}

export function checkValue(key: MasterKey): Buffer {
  return createHmac('sha256', key.derive('check')).update('tiny-forge').digest();
}

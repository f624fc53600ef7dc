import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pool } from 'pg';
import { TerminalError } from '#domain/errors';
import { COMMIT, pipelined, withClient } from './pipeline.js';

/** The key that wraps all data keys. It lives in a file beside the database, never in it. */
export interface MasterKey {
  /** Tells keys apart; derived, gives nothing away. */
  readonly id: string;
  /** A key for one purpose; the master key itself is used for nothing else. */
  derive(purpose: string): Buffer;
}

const BYTES = 32;

export function masterKey(bytes: Buffer): MasterKey {
  if (bytes.length !== BYTES)
    throw new TerminalError('bad-master-key', `The master key has ${bytes.length} bytes, not ${BYTES}.`, 'operator');
  const derived = new Map<string, Buffer>();
  const derive = (purpose: string) => {
    const key = derived.get(purpose) ?? Buffer.from(hkdfSync('sha256', bytes, '', `tiny-forge ${purpose}`, BYTES));
    derived.set(purpose, key);
    return key;
  };
  return { id: derive('key id').toString('hex').slice(0, 16), derive };
}

/** Reads the file: 32 bytes in base64. */
export async function readMasterKey(path: string): Promise<MasterKey> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TerminalError(
      'no-master-key',
      `The master key ${path} cannot be read (${error.code}). Restore it from your backup.`,
      'operator',
    );
  });
  return masterKey(Buffer.from(text.trim(), 'base64'));
}

/** Reads the file, or makes it and its folder when there is none: its owner's only, whole at once, never overwritten. */
export async function readOrCreateMasterKey(path: string): Promise<MasterKey> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(BYTES).toString('base64')}\n`);
    await file.sync();
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await unlink(draft);
  }
  return readMasterKey(path);
}

/** Notes the key's check value at the first start; refuses another key afterwards. */
export async function assertMasterKey(pool: Pool, key: MasterKey): Promise<void> {
  const lock = { text: 'begin; select pg_advisory_xact_lock(7, 4)', values: [] };
  const note = {
    text: 'insert into state.master_key_check (key_id, check_value) select $1, $2 where not exists (select from state.master_key_check)',
    values: [key.id, checkValue(key)],
  };
  const read = { text: 'select check_value from state.master_key_check where key_id = $1', values: [key.id] };
  const [, , noted] = await withClient(pool, (client) => pipelined(client, [lock, note, read, COMMIT]));
  const value = noted?.rows[0]?.check_value;
  if (Buffer.isBuffer(value) && timingSafeEqual(value, checkValue(key))) return;
  throw new TerminalError(
    'wrong-master-key',
    'The master key is not the one that this database was set up with: its secrets could not be opened. Put the right master.key back.',
    'operator',
  );
}

export function checkValue(key: MasterKey): Buffer {
  return createHmac('sha256', key.derive('check')).update('tiny-forge').digest();
}

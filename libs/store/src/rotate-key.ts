import type { Pool } from 'pg';
import { rewrapKey } from './envelope.js';
import { assertMasterKey, checkValue, type MasterKey } from './master-key.js';
import { bodyRow, secretRow } from './secrets.js';

/** Rows per transaction. */
const CHUNK = 500;

/**
 * Puts every data key under a new master key. Stopped in the middle it is run again: rows already done are left
 * alone. The old key is refused once all are done. No process may seal with the old key meanwhile.
 */
export async function rotateMasterKey(
  pool: Pool,
  keys: { from: MasterKey; to: MasterKey },
): Promise<{ rewrapped: number }> {
  await assertMasterKey(pool, keys.from);
  const checks = 'insert into state.master_key_check (key_id, check_value) values ($1, $2) on conflict do nothing';
  await pool.query(checks, [keys.to.id, checkValue(keys.to)]);
  const secrets = await rewrapTable(pool, keys, {
    select: 'select id, version, wrapped_key from state.secret where key_id = $1 limit $2',
    update: 'update state.secret set key_id = $2, wrapped_key = $3 where id = $4 and version = $5 and key_id = $1',
    row: ({ id, version }) => secretRow({ secretId: id, version: version ?? 0 }),
    key: ({ id, version }) => [id, version],
  });
  const bodies = await rewrapTable(pool, keys, {
    select: 'select delivery_id as id, wrapped_key from state.delivery_body where key_id = $1 limit $2',
    update: 'update state.delivery_body set key_id = $2, wrapped_key = $3 where delivery_id = $4 and key_id = $1',
    row: ({ id }) => bodyRow(id),
    key: ({ id }) => [id],
  });
  await pool.query('delete from state.master_key_check where key_id = $1', [keys.from.id]);
  return { rewrapped: secrets + bodies };
}

interface WrappedRow {
  readonly id: string;
  readonly version?: number;
  readonly wrapped_key: Buffer;
}

interface WrappedTable {
  readonly select: string;
  readonly update: string;
  row(row: WrappedRow): string;
  key(row: WrappedRow): unknown[];
}

async function rewrapTable(pool: Pool, keys: { from: MasterKey; to: MasterKey }, table: WrappedTable): Promise<number> {
  let count = 0;
  for (;;) {
    const { rows } = await pool.query<WrappedRow>(table.select, [keys.from.id, CHUNK]);
    if (rows.length === 0) return count;
    for (const row of rows) {
      const wrapped = rewrapKey(keys, table.row(row), row.wrapped_key);
      await pool.query(table.update, [keys.from.id, keys.to.id, wrapped, ...table.key(row)]);
    }
    count += rows.length;
  }
}

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertMasterKey, masterKey, readMasterKey, readOrCreateMasterKey } from '#store/master-key';
import { createPool } from '#store/pool';
import { rotateMasterKey } from '#store/rotate-key';
import { createSecrets, type Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

let database: TestDatabase;
let pool: Pool;
let secrets: Secrets;
const key = masterKey(randomBytes(32));
beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ databaseUrl: database.url });
  secrets = createSecrets(pool, key);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const run = ({ text, values }: Statement) => pool.query(text, [...values]);
const sealed = async (plain: string, at?: { secretId: string; version: number }) => {
  const { statement, ref } = secrets.seal(plain, at);
  await run(statement);
  return ref;
};

describe('secrets', () => {
  it('come back as they went in, version by version', async () => {
    const first = await sealed('pässword');
    const second = await sealed('', { secretId: first.secretId, version: 2 });
    expect(await secrets.open(first)).toBe('pässword');
    expect(await secrets.open(second)).toBe('');
  });

  it('are not in the row in any readable form', async () => {
    const ref = await sealed('canary-5b1f');
    const { rows } = await pool.query('select to_jsonb(s)::text as row from state.secret s where id = $1', [
      ref.secretId,
    ]);
    const row = String(rows[0]?.row);
    for (const form of [
      'canary-5b1f',
      Buffer.from('canary-5b1f').toString('hex'),
      Buffer.from('canary-5b1f').toString('base64'),
    ]) {
      expect(row).not.toContain(form);
    }
  });

  it('are told equal by their fingerprint, which takes the key to make', async () => {
    const [a, b, c] = [secrets.seal('x').ref, secrets.seal('x').ref, secrets.seal('y').ref];
    expect(a.fingerprint).toBe(b.fingerprint);
    expect(a.fingerprint).not.toBe(c.fingerprint);
    expect(createSecrets(pool, masterKey(randomBytes(32))).fingerprint('x')).not.toBe(a.fingerprint);
  });

  it('do not open in another row: another secret, another version', async () => {
    const [a, b] = [await sealed('of a'), await sealed('of b')];
    const a2 = await sealed('of a, new', { secretId: a.secretId, version: 2 });
    const copy =
      'update state.secret t set wrapped_key = s.wrapped_key, nonce = s.nonce, ciphertext = s.ciphertext from state.secret s';
    await pool.query(`${copy} where t.id = $1 and s.id = $2`, [b.secretId, a.secretId]);
    await expect(secrets.open(b)).rejects.toMatchObject({ code: 'secret-unreadable', failureClass: 'operator' });
    await pool.query(`${copy} where t.id = $1 and s.id = $1 and t.version = 2 and s.version = 1`, [a.secretId]);
    await expect(secrets.open(a2)).rejects.toMatchObject({ code: 'secret-unreadable' });
  });

  it('do not open with a changed bit, under another key id, or with another master key', async () => {
    const ref = await sealed('whole');
    const change = (column: string, value: string) =>
      pool.query(`update state.secret set ${column} = ${value} where id = $1`, [ref.secretId]);
    for (const column of ['wrapped_key', 'nonce', 'ciphertext']) {
      await change(column, `set_bit(${column}, 3, 1 - get_bit(${column}, 3))`);
      await expect(secrets.open(ref), column).rejects.toMatchObject({ code: 'secret-unreadable' });
      await change(column, `set_bit(${column}, 3, 1 - get_bit(${column}, 3))`);
    }
    expect(await secrets.open(ref)).toBe('whole');
    await expect(createSecrets(pool, masterKey(randomBytes(32))).open(ref)).rejects.toMatchObject({
      code: 'secret-unreadable',
    });
  });

  it('are gone once shredded', async () => {
    const ref = await sealed('gone soon');
    await secrets.shred(ref.secretId);
    await expect(secrets.open(ref)).rejects.toMatchObject({ code: 'secret-gone' });
  });

  it('hold the bodies of deliveries until they expire', async () => {
    const [kept, expired] = [randomUUID(), randomUUID()];
    const plain = Buffer.from([0, 255, 10]);
    await run(secrets.sealBody({ deliveryId: kept, plain, expiresAt: '2999-01-01T00:00:00Z' }));
    await run(secrets.sealBody({ deliveryId: expired, plain, expiresAt: '2020-01-01T00:00:00Z' }));
    expect(await secrets.openBody(kept)).toEqual(plain);
    expect(await secrets.openBody(expired)).toBeNull();
  });
});

describe('the master key', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tf-key-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is made once, for its owner only', async () => {
    const path = join(folder, 'master.key');
    const [made, ...others] = await Promise.all([1, 2, 3, 4].map(() => readOrCreateMasterKey(path)));
    expect(others.map(({ id }) => id)).toEqual([made?.id, made?.id, made?.id]);
    expect(await readdir(folder)).toEqual(['master.key']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(Buffer.from(text, 'base64')).toHaveLength(32);
    expect((await readOrCreateMasterKey(path)).id).toBe(made?.id);
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('is refused when it is missing or cut short', async () => {
    await expect(readMasterKey(join(folder, 'none'))).rejects.toMatchObject({
      code: 'no-master-key',
      failureClass: 'operator',
    });
    await writeFile(join(folder, 'short'), 'c2hvcnQ=');
    await expect(readMasterKey(join(folder, 'short'))).rejects.toMatchObject({ code: 'bad-master-key' });
  });

  it('is refused when the database was set up with another one', async () => {
    const own = await createDatabase();
    const ownPool = createPool({ databaseUrl: own.url });
    await Promise.all([1, 2, 3, 4].map(() => assertMasterKey(ownPool, key)));
    await expect(assertMasterKey(ownPool, masterKey(randomBytes(32)))).rejects.toMatchObject({
      code: 'wrong-master-key',
      failureClass: 'operator',
    });
    await ownPool.end();
    await own.drop();
  });

  it('is rotated: all opens with the new one, the old one is refused', async () => {
    const own = await createDatabase();
    const ownPool = createPool({ databaseUrl: own.url });
    await assertMasterKey(ownPool, key);
    const before = createSecrets(ownPool, key);
    const { statement, ref } = before.seal('kept');
    const deliveryId = randomUUID();
    for (const { text, values } of [
      statement,
      before.sealBody({ deliveryId, plain: Buffer.from('body'), expiresAt: '2999-01-01T00:00:00Z' }),
    ]) {
      await ownPool.query(text, [...values]);
    }
    const next = masterKey(randomBytes(32));
    expect(await rotateMasterKey(ownPool, { from: key, to: next })).toEqual({ rewrapped: 2 });
    const after = createSecrets(ownPool, next);
    expect(await after.open(ref)).toBe('kept');
    expect(String(await after.openBody(deliveryId))).toBe('body');
    await expect(before.open(ref)).rejects.toMatchObject({ code: 'secret-unreadable' });
    await expect(assertMasterKey(ownPool, key)).rejects.toMatchObject({ code: 'wrong-master-key' });
    await assertMasterKey(ownPool, next);
    await ownPool.end();
    await own.drop();
  });
});

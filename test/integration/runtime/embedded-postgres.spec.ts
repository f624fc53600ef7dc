import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#runtime/embedded-postgres';
import { isAlive } from '#runtime/process-file';
import { runDirectory } from '#runtime/run-dir';

let dataDir: string;
let started: EmbeddedPostgres[];
let owner: ChildProcess | null;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'tf-pg-'));
  started = [];
  owner = null;
});

afterEach(async () => {
  owner?.kill('SIGKILL');
  for (const postgres of started) await postgres.stop();
  const folder = existsSync(record()) ? cluster().folder : null;
  rmSync(runDirectory(dataDir), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
  // As root the database stands outside of the 0700 folder that mkdtemp made.
  if (folder?.startsWith('/var/lib/tiny-forge/')) rmSync(join(folder, '..'), { recursive: true, force: true });
});

const record = () => join(dataDir, 'postgres.json');
const cluster = () => JSON.parse(readFileSync(record(), 'utf8')) as { folder: string; password: string };
const postmaster = () => Number(readFileSync(join(cluster().folder, 'postmaster.pid'), 'utf8').split('\n')[0]);

async function start(): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir });
  started.push(postgres);
  return postgres;
}

async function query<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** What the platform leaves behind when it is killed: an owner that is gone, and Postgres running. */
function killOwner(): void {
  const path = join(runDirectory(dataDir), 'postgres-owner.json');
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
  rmSync(path);
}

describe('the embedded Postgres', () => {
  it('answers pg and TypeORM over its socket, and keeps what it was given over a restart', async () => {
    const first = await start();
    expect(first.origin).toBe('started');
    await query(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    const second = await start();
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
    const source = await new DataSource({ type: 'postgres', url: second.url }).initialize();
    expect(await source.query('select answer from kept')).toEqual([{ answer: 42 }]);
    await source.destroy();
  });

  it('listens on no network, keeps fsync on and its memory small', async () => {
    const { url } = await start();
    const settings = await query<{ name: string; setting: string }>(
      url,
      `select name, setting from pg_settings where name in ('listen_addresses', 'fsync', 'max_connections', 'shared_buffers') order by name`,
    );
    expect(settings.map(({ name, setting }) => [name, setting])).toEqual([
      ['fsync', 'on'],
      ['listen_addresses', ''],
      ['max_connections', '40'],
      ['shared_buffers', '4096'],
    ]);
  });

  it('refuses another password', async () => {
    const { url } = await start();
    await expect(query(url.replace(cluster().password, 'guess'), 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('is adopted when its owner was killed', async () => {
    await start();
    const pid = postmaster();
    killOwner();
    const next = await start();
    expect(next.origin).toBe('adopted');
    expect(postmaster()).toBe(pid);
    await next.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('is joined while its owner lives, and left running by who joined', async () => {
    await start();
    const joined = await start();
    expect(joined.origin).toBe('joined');
    await joined.stop();
    expect(await query<{ one: number }>(joined.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is stopped and started anew when what runs does not fit the record', async () => {
    const first = await start();
    await query(first.url, `alter role tinyforge password 'other'`);
    const pid = postmaster();
    killOwner();
    await expect(start().then(({ url }) => query(url, 'select 1'))).rejects.toMatchObject({ code: '28P01' });
    expect(postmaster()).not.toBe(pid);
  });

  it('survives a SIGKILL of itself', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 1 as one');
    process.kill(postmaster(), 'SIGKILL');
    killOwner();
    const second = await start();
    expect(await query(second.url, 'select one from kept')).toEqual([{ one: 1 }]);
  });

  it('takes over a lock whose holder is gone', async () => {
    const first = await start();
    await first.stop();
    owner = spawn('sleep', ['60'], { stdio: 'ignore' });
    const { pid } = owner;
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const lock = join(runDirectory(dataDir), 'postgres.lock');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(lock, JSON.stringify({ pid, startTicks: 1 }));
    await start();
    expect(existsSync(lock)).toBe(false);
  });

  it('begins anew beside a database that no record names', async () => {
    const first = await start();
    await query(first.url, 'create table older as select 1 as one');
    await first.stop();
    const { folder } = cluster();
    rmSync(record());
    const second = await start();
    expect(await query(second.url, `select 1 from pg_tables where tablename = 'older'`)).toEqual([]);
    expect(existsSync(join(folder, 'PG_VERSION'))).toBe(true);
  });

  it.runIf(process.getuid?.() === 0)('stays in the data folder when its user can reach it', async () => {
    chmodSync(dataDir, 0o755);
    await start();
    expect(cluster().folder).toBe(join(dataDir, 'postgres'));
  });
});

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll } from '#runtime/start';
import { startCluster } from '../test/support/cluster.js';

/** One Postgres for the whole run, fsync on; a database and a folder of its own for each bench. */
export interface Cluster {
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

export interface Ground {
  readonly env: Readonly<Record<string, string>>;
  readonly adminToken: string;
  readonly databaseUrl: string;
  clear(): Promise<void>;
}

export interface OpenGround extends Ground {
  /** Store and queues of this process on it; schema and master key are there. */
  readonly parts: Parts;
}

export async function openCluster(): Promise<Cluster> {
  const cluster = await startCluster({ fsync: true });
  const createDatabase = async () => {
    const name = `b_${randomUUID().replaceAll('-', '')}`;
    const client = new Client({ connectionString: cluster.url('postgres') });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return cluster.url(name);
  };
  return { createDatabase, stop: () => cluster.stop() };
}

export async function openGround(cluster: Cluster, more: Readonly<Record<string, string>> = {}): Promise<OpenGround> {
  const databaseUrl = await cluster.createDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'tf-bench-'));
  const adminToken = randomBytes(24).toString('hex');
  const env = {
    DATABASE_URL: databaseUrl,
    DOCKER_HOST: process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock',
    TINYFORGE_DATA_DIR: dataDir,
    TINYFORGE_API_PORT: '0',
    TINYFORGE_INGRESS_PORT: '0',
    TINYFORGE_PROXY: 'none',
    TINYFORGE_ADMIN_TOKEN: adminToken,
    LOG_LEVEL: 'error',
    ...more,
  };
  const parts = await openProcess('admin', env);
  const clear = async () => {
    await stopAll([...parts.stoppables], { logger: parts.logger, stopMs: 10_000, why: 'bench' });
    await rm(dataDir, { recursive: true, force: true });
  };
  return { env, adminToken, databaseUrl, parts, clear };
}

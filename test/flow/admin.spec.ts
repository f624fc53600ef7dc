import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll } from '#runtime/start';
import { compareViews } from '#store/compare-views';
import { prepareGround, type Ground } from '../support/platform.js';
import { createDatabase } from '../support/postgres.js';
import { runQuery } from '../support/query.js';
import { startApp } from '../support/worker-process.js';
import { createWorkload, requestRelease } from '../support/workloads.js';

let ground: Ground;
let parts: Parts;

beforeAll(async () => {
  ground = await prepareGround();
  parts = await openProcess('all-in-one', ground.env);
  const workload = await createWorkload(parts.store, {
    name: 'kept',
    config: { image: 'registry.test/acme/demo', port: 8080 },
  });
  await requestRelease(parts.store, workload, {
    repository: 'registry.test/acme/demo',
    tag: '1.0.0',
    digest: `sha256:${'a'.repeat(64)}`,
  });
});

afterAll(async () => {
  await stopAll(parts.stoppables, { logger: parts.logger, stopMs: 10_000, why: 'test' });
  await ground.clear();
});

async function admin(
  args: readonly string[],
  env = ground.env,
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const app = startApp('admin', env, args);
  return { code: await app.ended, output: app.output() };
}

test('rebuild mends views that somebody changed by hand', async () => {
  await runQuery(ground.env['DATABASE_URL']!, `update view.workload set name = 'forged'`);
  expect(await compareViews({ databaseUrl: parts.databaseUrl })).not.toEqual([]);
  expect(await admin(['rebuild'])).toMatchObject({ code: 0, output: expect.stringContaining('Replayed') });
  expect(await compareViews({ databaseUrl: parts.databaseUrl })).toEqual([]);
});

test('verify finds a changed byte', async () => {
  expect(await admin(['verify'])).toMatchObject({ code: 0, output: expect.stringContaining('"intact": true') });
  const url = ground.env['DATABASE_URL']!;
  const forge = (from: string, to: string) =>
    runQuery(
      url,
      `alter table log.event disable trigger append_only;
       update log.event set body = replace(body, '${from}', '${to}') where type = 'WorkloadCreated';
       alter table log.event enable trigger append_only`,
    );
  await forge('"kept"', '"kepT"');
  expect(await admin(['verify'])).toMatchObject({ output: expect.stringContaining('payload-changed') });
  await forge('"kepT"', '"kept"');
});

test('export and import move the whole into another cluster', async () => {
  const other = await createDatabase({ migrated: false });
  const folder = await mkdtemp(join(tmpdir(), 'tf-'));
  const file = join(folder, 'export.ndjson');
  try {
    expect(await admin(['export', file])).toMatchObject({ code: 0 });
    expect(await admin(['import', file], { ...ground.env, DATABASE_URL: other.url })).toMatchObject({ code: 0 });
    const rows = await runQuery<{ name: string; pending: boolean }>(
      other.url,
      'select name, pending_deployment_id is not null as pending from view.workload',
    );
    expect(rows).toEqual([{ name: 'kept', pending: true }]);
    expect(await admin(['verify'], { ...ground.env, DATABASE_URL: other.url })).toMatchObject({
      output: expect.stringContaining('"intact": true'),
    });
  } finally {
    await other.drop();
    await rm(folder, { recursive: true });
  }
});

test('migrate prepares an empty database, and makes the folder for its data', async () => {
  const other = await createDatabase({ migrated: false });
  const folder = await mkdtemp(join(tmpdir(), 'tf-'));
  const env = { ...ground.env, DATABASE_URL: other.url, TINYFORGE_DATA_DIR: join(folder, 'not/there/yet') };
  try {
    for (const _time of [1, 2]) expect(await admin(['migrate'], env)).toMatchObject({ code: 0 });
    const { mode } = await stat(join(folder, 'not/there/yet/master.key'));
    expect(mode & 0o777).toBe(0o600);
    expect(await runQuery(other.url, 'select id from view.workload')).toEqual([]);
  } finally {
    await other.drop();
    await rm(folder, { recursive: true });
  }
});

test('an unknown command lists the known ones and fails', async () => {
  expect(await admin(['nonsense'])).toMatchObject({ code: 2, output: expect.stringContaining('rebuild') });
});

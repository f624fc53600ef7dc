import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll } from '#runtime/start';
import { prepareGround, type Ground } from '../support/platform.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { createWorkload } from '../support/workloads.js';

let ground: Ground;
let parts: Parts;
let apps: AppProcess[];

beforeEach(async () => {
  ground = await prepareGround();
  parts = await openProcess('all-in-one', ground.env);
  apps = [];
});
afterEach(async () => {
  for (const app of apps) app.kill('SIGKILL');
  await Promise.all(apps.map(({ ended }) => ended));
  await stopAll(parts.stoppables, { logger: parts.logger, stopMs: 10_000, why: 'test' });
  await ground.clear();
});

interface Running extends AppProcess {
  /** What `/readyz` says of it: `leads …` or `follows`. */
  status(): Promise<{ readonly code: number; readonly leader: string }>;
}

async function startReconciler(more: Readonly<Record<string, string>> = {}): Promise<Running> {
  const app = startApp('reconciler', { ...ground.env, ...more });
  apps.push(app);
  const folder = join(ground.env['TINYFORGE_DATA_DIR']!, 'endpoints');
  const port = await until(async () => {
    const name = (await readdir(folder).catch(() => [])).find((each) => each.endsWith(`-${app.pid}.json`));
    const doc = name === undefined ? null : await readFile(join(folder, name), 'utf8');
    return doc === null ? null : (JSON.parse(doc) as { ports: { health: number } }).ports.health;
  }, `the reconciler to listen: ${app.output()}`);
  const status = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    const { checks } = (await answer.json()) as { checks: { name: string; detail: string }[] };
    return { code: answer.status, leader: checks.find(({ name }) => name === 'leader')!.detail };
  };
  return { ...app, status };
}

/** The keeper makes the folder of a workload's route: the proof that somebody keeps the node. */
async function isKept(): Promise<void> {
  const config = { image: 'ghcr.io/acme/demo', port: 8080 };
  const { id } = await createWorkload(parts.store, { config, faces: [{ host: 'a.test', path: '/', port: null }] });
  const routes = join(ground.env['TINYFORGE_DATA_DIR']!, 'routes');
  await until(async () => (await readdir(routes).catch((): string[] => [])).includes(id), 'the keeper', 15_000);
}

test('a killed reconciler is followed by the other one within 15 s, with the lease as shipped', async () => {
  const shipped = { TINYFORGE_LEASE_MS: '10000' };
  const first = await startReconciler(shipped);
  const second = await startReconciler(shipped);
  expect(await first.status()).toEqual({ code: 200, leader: 'leads node-default, platform' });
  expect(await second.status()).toEqual({ code: 200, leader: 'follows' });
  first.kill('SIGKILL');
  await first.ended;
  await until(async () => (await second.status()).leader === 'leads node-default, platform', 'the second', 15_000);
  await isKept();
});

test('a reconciler that is asked to end lets go at once and exits with 0', async () => {
  // So long that nobody would wait for its end.
  const first = await startReconciler({ TINYFORGE_LEASE_MS: '600000' });
  const second = await startReconciler();
  expect((await second.status()).leader).toBe('follows');
  first.kill('SIGTERM');
  expect(await first.ended, first.output()).toBe(0);
  await until(async () => (await second.status()).leader === 'leads node-default, platform', 'the second', 10_000);
  await isKept();
});

test('a leader that is paused past its lease follows when it wakes', async () => {
  const paused = await startReconciler();
  const second = await startReconciler();
  paused.kill('SIGSTOP');
  await until(async () => (await second.status()).leader === 'leads node-default, platform', 'the second', 15_000);
  paused.kill('SIGCONT');
  await until(async () => (await paused.status()).leader === 'follows', 'the first to follow', 10_000);
  expect((await second.status()).leader).toBe('leads node-default, platform');
  for (const subject of ['node-default', 'platform']) {
    expect(await parts.store.leases.peek(subject)).toMatchObject({ epoch: 2, isHeld: true });
  }
  await isKept();
  for (const app of [second, paused]) {
    app.kill('SIGTERM');
    expect(await app.ended, app.output()).toBe(0);
  }
});

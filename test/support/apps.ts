import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stopCaddy } from '#runtime/caddy-process';
import type { Ground } from './platform.js';
import { until } from './until.js';
import { startApp, type AppProcess } from './worker-process.js';

export interface Apps {
  /** What each one bound, by name: api, ingress, proxy, health. */
  readonly ports: Readonly<Record<string, number>>;
  /** What they have printed so far. */
  output(): string;
  /** SIGKILL, all of them; the proxy goes on. */
  kill(): Promise<void>;
  /** Asks all to end and returns their exit codes. */
  stop(): Promise<readonly (number | NodeJS.Signals)[]>;
}

/** Built apps, each in a process of its own, once all of them tell their ports. */
export async function startApps(ground: Ground, names: readonly string[]): Promise<Apps> {
  const dataDir = ground.env['TINYFORGE_DATA_DIR']!;
  if (!names.includes('all-in-one')) await prepareData(ground);
  const apps = names.map((name) => startApp(name, ground.env));
  const ports = await until(async () => {
    const ended = await Promise.race([
      ...apps.map((app) => app.ended.then((code) => ({ app, code }))),
      Promise.resolve(null),
    ]);
    if (ended) throw new Error(`an app ended with ${ended.code}: ${ended.app.output()}`);
    return await portsOf(join(dataDir, 'endpoints'), apps);
  }, 'the apps to listen');
  return {
    ports,
    output: () => apps.map((app) => app.output()).join(''),
    kill: () => killAll(apps),
    stop: () => stopAll(apps, dataDir),
  };
}

/** Master key and schema are made by admin and all-in-one alone. */
async function prepareData(ground: Ground): Promise<void> {
  const admin = startApp('admin', ground.env, ['migrate']);
  const code = await admin.ended;
  if (code !== 0) throw new Error(`admin migrate ended with ${code}: ${admin.output()}`);
}

async function portsOf(folder: string, apps: readonly AppProcess[]): Promise<Record<string, number> | null> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => apps.some(({ pid }) => name.endsWith(`-${pid}.json`)));
  if (files.length < apps.length) return null;
  const docs = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return Object.assign(
    {},
    ...docs.map((doc) => (JSON.parse(doc) as { ports: Record<string, number> }).ports),
  ) as Record<string, number>;
}

async function killAll(apps: readonly AppProcess[]): Promise<void> {
  for (const app of apps) app.kill('SIGKILL');
  await Promise.all(apps.map((app) => app.ended));
}

async function stopAll(apps: readonly AppProcess[], dataDir: string): Promise<readonly (number | NodeJS.Signals)[]> {
  for (const app of apps) app.kill('SIGTERM');
  const codes = await Promise.all(apps.map((app) => app.ended));
  await stopCaddy(dataDir);
  return codes;
}

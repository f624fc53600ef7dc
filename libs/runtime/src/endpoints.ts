import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './process-file.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Tells whoever started us where we listen: `<data>/endpoints/<app>-<pid>.json`, gone again after `stop`. */
export function publishEndpoints(
  { dataDir, app }: { readonly dataDir: string; readonly app: string },
  endpoints: Readonly<Record<string, Endpoint>>,
): { readonly path: string; stop(): Promise<void> } {
  const folder = join(dataDir, 'endpoints');
  mkdirSync(folder, { recursive: true });
  removeOfTheDead(folder);
  const path = join(folder, `${app}-${process.pid}.json`);
  const shown = Object.entries(endpoints);
  const doc = {
    app,
    pid: process.pid,
    startedAt: new Date().toISOString(),
    ports: Object.fromEntries(shown.map(([name, { port }]) => [name, port])),
    urls: Object.fromEntries(shown.map(([name, endpoint]) => [name, endpointUrl(endpoint)])),
  };
  // Renamed into place: a reader never sees half of it.
  writeFileSync(`${path}.new`, `${JSON.stringify(doc, null, 2)}\n`);
  renameSync(`${path}.new`, path);
  return { path, stop: async () => rmSync(path, { force: true }) };
}

/** An address that this host can open; "all addresses" is reached by loopback. */
export function endpointUrl({ host, port }: Endpoint): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function removeOfTheDead(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/-(\d+)\.json$/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(folder, name), { force: true });
  }
}

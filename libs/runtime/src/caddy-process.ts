import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { RetryableError, TerminalError } from '#domain/errors';
import { adminRequest } from './caddy-admin.js';
import { initialConfig, savedConfig, savedPorts, type CaddyPlace } from './caddy-config.js';
import type { ProxyConfig } from './config.js';
import type { Logger } from './logging.js';
import { commandLine, endProcess, isAlive, waitUntil, withLock } from './process-file.js';
import { runDirectory, socketPath } from './run-dir.js';

const START_MS = 20_000;
const STOP_MS = 30_000;
/** A killed process holds its sockets until the last of its threads is gone, which may be after its pid counts as dead. */
const RELEASE_MS = 3_000;
const MOST_LOG_BYTES = 10 * 1024 * 1024;

export interface Caddy {
  /** Starts or adopts Caddy first, and again when it has gone. */
  admin(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>;
  /** Those it was told, or was found with where a port of 0 left the choice to us. */
  ports(): Promise<{ readonly httpPort: number; readonly httpsPort: number }>;
}

export interface CaddyOptions {
  readonly dataDir: string;
  readonly proxy: ProxyConfig;
  readonly logger: Logger;
}

/** With `proxy.adminUrl` somebody else's Caddy, which is never started; else ours, which outlives this process. */
export function openCaddy({ dataDir, proxy, logger }: CaddyOptions): Caddy {
  if (proxy.adminUrl !== null) return foreign(proxy.adminUrl, proxy);
  const endpoint = `unix://${adminSocket(dataDir)}`;
  let running: Promise<void> | null = null;
  const ensure = () => (running ??= ensureRunning({ dataDir: resolve(dataDir), proxy, logger }));
  const admin: Caddy['admin'] = async (method, path, body) => {
    try {
      await ensure();
      return await adminRequest(endpoint, { method, path, body });
    } catch (error) {
      // Whoever asks next looks again, and starts it when it has gone.
      running = null;
      throw error;
    }
  };
  const ports = async () => {
    const http = (await admin('GET', '/config/apps/http')) as { http_port?: number; https_port?: number } | null;
    return { httpPort: http?.http_port ?? proxy.httpPort, httpsPort: http?.https_port ?? proxy.httpsPort };
  };
  return { admin, ports };
}

/** Ends the Caddy of this data folder. False = none was running. */
export async function stopCaddy(dataDir: string): Promise<boolean> {
  const pid = caddyPid(dataDir);
  const answers = await isAnswering(dataDir);
  if (!answers && pid === null) return false;
  if (answers)
    await adminRequest(`unix://${adminSocket(dataDir)}`, { method: 'POST', path: '/stop' }).catch(() => null);
  else if (pid !== null) await endProcess(pid, 'SIGTERM', STOP_MS);
  const isGone = async () => (pid === null ? !(await isAnswering(dataDir)) : !isAlive(pid));
  if (!(await waitUntil(isGone, STOP_MS, 20))) {
    throw new RetryableError('proxy-stop-failed', `Caddy (pid ${pid ?? 'unknown'}) does not stop. Stop it by hand.`);
  }
  rmSync(pidFile(dataDir), { force: true });
  return true;
}

function foreign(adminUrl: string, { httpPort, httpsPort }: ProxyConfig): Caddy {
  return {
    admin: (method, path, body) => adminRequest(adminUrl, { method, path, body }),
    ports: async () => ({ httpPort, httpsPort }),
  };
}

/** Two Caddys would share the ports without a word: nothing is started while its socket, its process or its ports answer. */
function ensureRunning({ dataDir, proxy, logger }: CaddyOptions): Promise<void> {
  return withLock(join(runDirectory(dataDir), 'caddy.lock'), async () => {
    if (await isAnswering(dataDir)) return;
    const pid = caddyPid(dataDir);
    if (pid !== null) {
      if (await waitUntil(() => isAnswering(dataDir), START_MS, 20)) return;
      throw new RetryableError(
        'proxy-silent',
        `Caddy (pid ${pid}) runs, but its admin socket does not answer. End it, and it is started anew.`,
      );
    }
    const place = await choosePlace(dataDir, proxy);
    await refuseTakenPorts(place);
    await start(dataDir, place);
    logger.info({ httpPort: place.httpPort, httpsPort: place.httpsPort }, 'Caddy was started');
  });
}

async function choosePlace(dataDir: string, { bind, httpPort, httpsPort }: ProxyConfig): Promise<CaddyPlace> {
  const folder = join(dataDir, 'caddy');
  const saved = savedPorts(folder);
  return {
    folder,
    socket: adminSocket(dataDir),
    bind,
    httpPort: httpPort !== 0 ? httpPort : (saved.httpPort ?? (await freePort(bind))),
    httpsPort: httpsPort !== 0 ? httpsPort : (saved.httpsPort ?? (await freePort(bind))),
  };
}

async function refuseTakenPorts({ bind, httpPort, httpsPort }: CaddyPlace): Promise<void> {
  const wanted = [
    [httpPort, 'TINYFORGE_HTTP_PORT'],
    [httpsPort, 'TINYFORGE_HTTPS_PORT'],
  ] as const;
  for (const [port, variable] of wanted) {
    if (await waitUntil(async () => !(await connects(bind, port)), RELEASE_MS, 50)) continue;
    throw new TerminalError(
      'proxy-port-taken',
      `Port ${port} on ${bind} is in use by another process, so the proxy was not started. End that one, or set ${variable}.`,
      'operator',
    );
  }
}

/** With what ran last, else, should that not load any more, from the beginning. */
async function start(dataDir: string, place: CaddyPlace): Promise<void> {
  const saved = savedConfig(place);
  const failure = saved === null ? 'new' : await launch(dataDir, place, saved);
  if (failure === null) return;
  const said = await launch(dataDir, place, initialConfig(place));
  if (said !== null)
    throw new RetryableError('proxy-start-failed', `Caddy did not start: ${said} See ${logFile(dataDir)}.`);
}

/** Null = it answers; else the last line that it said. */
async function launch(dataDir: string, place: CaddyPlace, config: object): Promise<string | null> {
  mkdirSync(place.folder, { recursive: true, mode: 0o700 });
  const file = join(place.folder, 'start.json');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  rmSync(place.socket, { force: true });
  const log = openLog(dataDir);
  const env = {
    PATH: searchPath(),
    HOME: place.folder,
    XDG_CONFIG_HOME: join(place.folder, 'config'),
    XDG_DATA_HOME: place.folder,
  };
  const child = spawn('caddy', ['run', '--config', file], {
    env,
    cwd: place.folder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let ended: string | null = null;
  child.on('error', (error: NodeJS.ErrnoException) => (ended = error.code ?? error.message));
  child.on('exit', () => (ended ??= 'exit'));
  child.unref();
  if (child.pid !== undefined) writeFileSync(pidFile(dataDir), `${child.pid}\n`);
  const isUp = await waitUntil(async () => ended !== null || (await isAnswering(dataDir)), START_MS, 10);
  if (ended === 'ENOENT')
    throw new TerminalError(
      'proxy-missing',
      'There is no program caddy on PATH. Install Caddy (Debian, Ubuntu: apt-get install caddy), or set TINYFORGE_PROXY=none.',
      'operator',
    );
  if (isUp && ended === null) return null;
  return readFileSync(logFile(dataDir), 'utf8').trimEnd().split('\n').at(-1) ?? 'it said nothing.';
}

async function isAnswering(dataDir: string): Promise<boolean> {
  const socket = adminSocket(dataDir);
  if (!existsSync(socket)) return false;
  return adminRequest(`unix://${socket}`, { method: 'GET', path: '/config/admin', timeoutMs: 2_000 }).then(
    () => true,
    (error: unknown) => error instanceof TerminalError,
  );
}

function caddyPid(dataDir: string): number | null {
  if (!existsSync(pidFile(dataDir))) return null;
  const pid = Number(readFileSync(pidFile(dataDir), 'utf8'));
  const words = commandLine(pid);
  // A pid is given out again: only a Caddy with our file is ours.
  return isAlive(pid) && words.includes(join(resolve(dataDir), 'caddy', 'start.json')) ? pid : null;
}

function adminSocket(dataDir: string): string {
  return socketPath(runDirectory(dataDir), 'caddy.sock');
}

function pidFile(dataDir: string): string {
  return join(dataDir, 'caddy.pid');
}

function logFile(dataDir: string): string {
  return join(dataDir, 'caddy.log');
}

function openLog(dataDir: string): number {
  const path = logFile(dataDir);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MOST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/** Some shells of root leave sbin out, where hand-made installations may lie. */
function searchPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin`;
}

async function freePort(bind: string): Promise<number> {
  const server = createServer().listen(0, bind);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function connects(bind: string, port: number): Promise<boolean> {
  const host = bind === '0.0.0.0' ? '127.0.0.1' : bind === '::' ? '::1' : bind;
  return new Promise((settle) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const done = (isOpen: boolean) => {
      socket.destroy();
      settle(isOpen);
    };
    socket.on('connect', () => done(true));
    socket.on('error', () => done(false));
    socket.on('timeout', () => done(false));
  });
}

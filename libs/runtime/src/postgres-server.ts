import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '#domain/errors';
import { runsAs, type PostgresUser } from './postgres-binaries.js';
import { commandLine, endProcess, isAlive, waitUntil } from './process-file.js';

const START_MS = 60_000;
const STOP_MS = 30_000;
const MOST_LOG_BYTES = 10 * 1024 * 1024;

export interface Server {
  readonly binary: string;
  /** PGDATA. */
  readonly folder: string;
  readonly sockets: string;
  readonly log: string;
  readonly user: PostgresUser | null;
}

/** Detached; resolves once it takes connections. */
export async function startServer(server: Server): Promise<void> {
  rotate(server.log);
  for (let attempt = 1; ; attempt += 1) {
    const failure = await spawnOnce(server);
    if (failure === null) return;
    // The children of a killed postmaster hold its shared memory for a moment longer.
    const tail = readFileSync(server.log, 'utf8').trimEnd().split('\n').slice(-3).join(' ');
    if (attempt === 20 || !/shared memory block|lock file/.test(tail)) {
      throw new RetryableError(
        'postgres-start-failed',
        `The embedded Postgres did not start (${failure}): ${tail} See ${server.log}.`,
      );
    }
    await sleep(100);
  }
}

/** Program and arguments: also the proof that a running server is the one we would start. Statements and row values stay out of its log. */
export function serverCommand({ binary, folder, sockets }: Server): [string, ...string[]] {
  const settings = {
    listen_addresses: '',
    unix_socket_directories: sockets,
    unix_socket_permissions: '0700',
    shared_buffers: '32MB',
    max_connections: '40',
    io_method: 'sync',
    jit: 'off',
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  };
  return [binary, '-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** SIGINT is Postgres' fast shutdown, SIGQUIT its immediate one: the next start replays the log. */
export async function stopPostmaster(pid: number): Promise<void> {
  if (await endProcess(pid, 'SIGINT', STOP_MS)) return;
  if (await endProcess(pid, 'SIGQUIT', STOP_MS)) return;
  throw new RetryableError(
    'postgres-stop-failed',
    `The embedded Postgres (pid ${pid}) does not stop. Stop it by hand.`,
  );
}

/** Null when the pid file is missing, stale, or its pid is some other program by now. */
export function postmasterPid(folder: string): number | null {
  const pid = Number(pidFileLines(folder)[0]);
  if (!isAlive(pid)) return null;
  const words = commandLine(pid);
  return words.length === 0 || words.includes(folder) ? pid : null;
}

/** Line 8 of postmaster.pid, "starting" or "ready", as pg_ctl reads it. */
function postmasterStatus(folder: string): string {
  return pidFileLines(folder)[7]?.trim() ?? '';
}

function pidFileLines(folder: string): string[] {
  try {
    return readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}

function rotate(log: string): void {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MOST_LOG_BYTES) renameSync(log, `${log}.1`);
}

/** Null = ready, else why not. */
async function spawnOnce(server: Server): Promise<string | null> {
  const [binary, ...argv] = serverCommand(server);
  const log = openSync(server.log, 'a', 0o600);
  const child = spawn(binary, argv, {
    ...runsAs(server.user),
    cwd: server.sockets,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let ended: string | null = null;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, signal) => (ended = `ended with ${signal ?? `code ${code}`}`));
  child.unref();
  const isReady = () => postmasterPid(server.folder) === child.pid && postmasterStatus(server.folder) === 'ready';
  if (!(await waitUntil(() => ended !== null || isReady(), START_MS, 5))) return `not ready after ${START_MS / 1000} s`;
  return ended;
}

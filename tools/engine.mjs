import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Finds a container engine, or starts one. Runs before anything is installed: Node 20, built-ins only.
 *
 * `startEngine` leaves the engine running when this process ends; `stop()` ends only one that this call started.
 */

const SYSTEM_SOCKET = '/var/run/docker.sock';
const PING_MS = 2_000;
const START_MS = 60_000;
/** Debian's init script succeeds before the engine answers, and also where the engine then fails. */
const SERVICE_MS = 20_000;
const INSTALL_MS = 10 * 60_000;

/** The engine that answers now: DOCKER_HOST alone when it is set, else the usual sockets. Null when none does. */
export async function findEngine(env = process.env) {
  for (const host of candidates(env)) if (await ping(host)) return { host };
  return null;
}

/**
 * Resolves once the engine answers `/_ping`.
 * `folder`: a private engine with its data, socket, log and pid file there, in place of the system's one.
 */
export async function startEngine({ install = false, folder = null, env = process.env } = {}) {
  const found = await findEngine(env);
  if (found) return { host: found.host, started: false, stop: async () => {} };
  if (env.DOCKER_HOST) {
    throw new Error(
      `No engine answers at DOCKER_HOST=${env.DOCKER_HOST}. Start it, or unset DOCKER_HOST to use this host's own.`,
    );
  }
  refuseUnlessRoot();
  return withLock(folder ?? 'system', () => startLocked({ install, folder, env }));
}

/** True when an engine answers at `unix:///path` or `tcp://host:port`. */
export function ping(host, timeoutMs = PING_MS) {
  const target = address(host);
  if (target === null || (target.socketPath && !existsSync(target.socketPath))) return Promise.resolve(false);
  return new Promise((resolve) => {
    const call = request({ ...target, path: '/_ping', timeout: timeoutMs }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.on('close', () => resolve(false));
    call.end();
  });
}

function candidates(env) {
  if (env.DOCKER_HOST) return [env.DOCKER_HOST];
  const rootless = env.XDG_RUNTIME_DIR ? [`unix://${join(env.XDG_RUNTIME_DIR, 'docker.sock')}`] : [];
  return [`unix://${SYSTEM_SOCKET}`, ...rootless];
}

function address(host) {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const match = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(host);
  return match ? { host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) } : null;
}

/** Again inside the lock: whoever held it before may have started what we wanted. */
async function startLocked({ install, folder, env }) {
  const host = folder ? `unix://${join(folder, 'docker.sock')}` : `unix://${SYSTEM_SOCKET}`;
  const running = (await ping(host)) ? { host } : await findEngine(env);
  if (running) return { host: running.host, started: false, stop: async () => {} };
  if (!onPath('dockerd')) installEngine(install);
  const stop = folder ? null : await startService(host);
  if (stop) return { host, started: true, stop: () => stopService(stop) };
  const pid = await startDetached(host, folder);
  return { host, started: true, stop: () => stopPid(pid) };
}

function installEngine(allowed) {
  if (!allowed)
    throw new Error('No Docker engine is installed. Install it (Debian, Ubuntu: apt-get install docker.io).');
  if (!onPath('apt-get')) {
    throw new Error(
      'No Docker engine is installed and this is not Debian or Ubuntu. Install Docker: https://docs.docker.com/engine/install/',
    );
  }
  const quiet = { stdio: 'inherit', timeout: INSTALL_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const packages = ['docker.io', ...(onPath('iptables') ? [] : ['iptables'])];
  const put = () => spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], quiet).status === 0;
  if (put()) return;
  spawnSync('apt-get', ['update'], quiet);
  if (!put())
    throw new Error('apt-get could not install docker.io: see its output above. Install Docker by hand and try again.');
}

/** A service manager's engine comes back after a reboot, so it goes first. Resolves to the command that stops it, or null. */
async function startService(host) {
  const manager = serviceCommands();
  if (!manager) return null;
  const [command, ...args] = manager.start;
  if (spawnSync(command, args, { stdio: 'ignore', timeout: START_MS }).status !== 0) return null;
  return (await waitFor(() => ping(host), SERVICE_MS)) ? manager.stop : null;
}

function serviceCommands() {
  if (existsSync('/run/systemd/system') && onPath('systemctl')) {
    return { start: ['systemctl', 'start', 'docker'], stop: ['systemctl', 'stop', 'docker.socket', 'docker'] };
  }
  if (existsSync('/etc/init.d/docker') && onPath('service')) {
    return { start: ['service', 'docker', 'start'], stop: ['service', 'docker', 'stop'] };
  }
  return null;
}

async function stopService([command, ...args]) {
  spawnSync(command, args, { stdio: 'ignore', timeout: START_MS });
}

async function startDetached(host, folder) {
  const place = folder
    ? { pidFile: join(folder, 'docker.pid'), logFile: join(folder, 'docker.log') }
    : { pidFile: '/var/run/docker.pid', logFile: '/var/log/docker.log' };
  const own = folder ? ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')] : [];
  mkdirSync(dirname(place.logFile), { recursive: true });
  const log = openSync(place.logFile, 'a');
  const child = spawn('dockerd', ['--host', host, '--pidfile', place.pidFile, ...own], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: searchPath().join(':') },
  });
  let ended = null;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, signal) => (ended = `it ended with ${signal ?? `code ${code}`}`));
  child.unref();
  const up = await waitFor(async () => ended !== null || (await ping(host)), START_MS);
  if (up && ended === null) return child.pid;
  const tail = readFileSync(place.logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new Error(
    `dockerd did not start: ${ended ?? `no answer within ${START_MS / 1000} s`}. Last lines of ${place.logFile}:\n${tail}`,
  );
}

/** SIGTERM only: dockerd stops its containers first, and a killed one would leave them behind. */
export async function stopPid(pid, timeoutMs = 30_000) {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    return;
  }
  await waitFor(async () => !isAlive(pid), timeoutMs);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function refuseUnlessRoot() {
  if (process.getuid?.() === 0) return;
  const denied =
    existsSync(SYSTEM_SOCKET) &&
    'There is a socket at /var/run/docker.sock that this user may not use or that does not answer. ';
  throw new Error(
    `No Docker engine answers. ${denied || ''}Starting one needs root: start Docker (sudo systemctl start docker), add this user to the group "docker", or set DOCKER_HOST.`,
  );
}

/** One starter at a time on this host: an abstract socket is nobody's once its process is gone, so none is ever stale. */
async function withLock(name, work) {
  const server = createServer();
  const taken = await waitFor(() => listens(server, `\0tiny-forge-engine:${name}`), START_MS + INSTALL_MS);
  if (!taken)
    throw new Error('Another process has been starting the Docker engine for too long. End it and try again.');
  try {
    return await work();
  } finally {
    server.close();
  }
}

function listens(server, path) {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(path, () => {
      server.removeAllListeners('error');
      resolve(true);
    });
  });
}

async function waitFor(isTrue, timeoutMs) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    if (await isTrue()) return true;
    if (Date.now() > end) return false;
    await sleep(100);
  }
}

/** Root's PATH lacks sbin under some `su` and CI shells, and dockerd needs iptables from there. */
function searchPath() {
  const path = (process.env.PATH ?? '').split(':').filter(Boolean);
  return [...path, ...['/usr/local/sbin', '/usr/sbin', '/sbin'].filter((folder) => !path.includes(folder))];
}

function onPath(command) {
  return searchPath().some((folder) => existsSync(join(folder, command)));
}

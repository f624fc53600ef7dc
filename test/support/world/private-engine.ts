import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NETWORK } from '#domain/naming';
import { ping } from '../../../tools/engine.mjs';
import { engineCall, engineJson } from '../engine-call.js';
import { until } from '../until.js';

/** A dockerd that nobody else uses, so that it may be stopped, killed and paused. Containers outlive it (live-restore). */
export interface PrivateEngine {
  readonly host: string;
  readonly socket: string;
  readonly pid: number;
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  stop(): Promise<void>;
}

/** Root only. Its rules for packets stay out of the host's: ports on loopback go through Docker's own proxy. */
export async function startPrivateEngine(): Promise<PrivateEngine> {
  const folder = await mkdtemp('/tmp/tf-engine-');
  const bridge = `tft-${folder.slice(-6).toLowerCase()}`;
  const socket = join(folder, 'd.sock');
  const host = `unix://${socket}`;
  const sweep = () => sweepUp(folder);
  process.once('exit', sweep);
  // Of its own: one that dockerd starts is killed and started anew together with it, and the containers are lost.
  const containerd = await startContainerd(folder);
  const launch = () => startDockerd(folder, host);
  let child = await launch();
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    }
    await rm(join(folder, 'pid'), { force: true });
  };
  await makeNetwork(host, bridge);
  return {
    host,
    socket,
    get pid() {
      return child.pid!;
    },
    async restart(signal) {
      await end(signal);
      child = await launch();
    },
    async stop() {
      if (await ping(host)) await empty(host);
      await end('SIGTERM');
      const gone = once(containerd, 'exit');
      containerd.kill('SIGTERM');
      await gone;
      process.off('exit', sweep);
      sweep();
    },
  };
}

async function startContainerd(folder: string): Promise<ChildProcess> {
  const home = join(folder, 'c');
  await mkdir(home);
  const address = join(home, 's');
  const config = [
    'version = 2',
    `root = "${join(home, 'root')}"`,
    `state = "${join(home, 'state')}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\n  address = "${address}"`,
  ];
  await writeFile(join(home, 'config.toml'), `${config.join('\n')}\n`);
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn('containerd', ['--config', join(home, 'config.toml')], { stdio: ['ignore', log, log] });
  await until(async () => existsSync(address) || child.exitCode !== null, 'containerd');
  return child;
}

/** Of its own, since a dockerd that is told to have none removes the host's docker0. */
function defaultBridge(folder: string): string {
  const name = `tfd-${folder.slice(-6).toLowerCase()}`;
  if (!existsSync(`/sys/class/net/${name}`)) {
    execFileSync('ip', ['link', 'add', name, 'type', 'bridge']);
    execFileSync('ip', ['address', 'add', `172.29.${process.pid % 256}.1/28`, 'dev', name]);
  }
  return name;
}

async function startDockerd(folder: string, host: string): Promise<ChildProcess> {
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--live-restore'];
  const own = ['--host', host, '--pidfile', join(folder, 'pid'), '--containerd', join(folder, 'c', 's')];
  const apart = ['--bridge', defaultBridge(folder), '--iptables=false', '--ip6tables=false'];
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn('dockerd', [...own, ...places, ...apart], { stdio: ['ignore', log, log] });
  await until(async () => (await ping(host)) || child.exitCode !== null, 'the private engine');
  if (child.exitCode === null) return child;
  const said = readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new Error(`dockerd ended with ${child.exitCode}:\n${said}`);
}

/** As the platform makes it, but for the name of its bridge, of which a host has one only. */
async function makeNetwork(host: string, bridge: string): Promise<void> {
  const Options = {
    'com.docker.network.bridge.enable_icc': 'false',
    'com.docker.network.bridge.name': bridge,
  };
  const Labels = { 'tinyforge.network': NETWORK };
  const body = JSON.stringify({ Name: NETWORK, Driver: 'bridge', CheckDuplicate: true, Labels, Options });
  const headers = { 'content-type': 'application/json' };
  await engineJson(host, { method: 'POST', path: '/networks/create', body, headers });
}

async function empty(host: string): Promise<void> {
  const containers = (await engineJson(host, { path: '/containers/json?all=true' })) as { Id: string }[];
  for (const { Id } of containers)
    await engineCall(host, { method: 'DELETE', path: `/containers/${Id}?force=true&v=true` });
  await engineCall(host, { method: 'POST', path: '/networks/prune' });
}

/** Whatever is left, also where this process ends in the middle: what was started from this folder, and its mounts. */
function sweepUp(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!commandLine(pid).includes(`${folder}/`)) continue;
    // A shim's only children are its container.
    const children = readIfThere(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
    for (const each of commandLine(pid).startsWith('/usr/bin/containerd-shim') ? [...children, pid] : [pid]) kill(each);
  }
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    execFileSync('umount', ['--lazy', mount]);
  for (const bridge of ['tfd', 'tft'].map((kind) => `${kind}-${folder.slice(-6).toLowerCase()}`))
    if (existsSync(`/sys/class/net/${bridge}`)) execFileSync('ip', ['link', 'delete', bridge]);
  rmSync(folder, { recursive: true, force: true });
}

function commandLine(pid: string): string {
  return readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: string): void {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // Gone by itself.
  }
}

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';

export interface RegistryOptions {
  /** Where pushes are told, as the distribution's own envelope. */
  readonly notifications?: { readonly url: string; readonly headers?: Readonly<Record<string, string>> };
  readonly auth?: { readonly username: string; readonly password: string };
}

export interface RunningRegistry {
  /** `127.0.0.1:port`: engines take loopback registries over plain http. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Debian's `docker-registry` on a free loopback port, its images in a temporary folder. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'tf-registry-'));
  const config = join(folder, 'config.yml');
  if (options.auth) await writeFile(join(folder, 'htpasswd'), await htpasswdLine(options.auth));
  await writeFile(config, stringify(configOf(folder, options)));
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = () => end(child, folder);
  try {
    return { host: `127.0.0.1:${await listeningPort(child)}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf(folder: string, { notifications, auth }: RegistryOptions): object {
  const headers = Object.entries(notifications?.headers ?? {}).map(([key, value]) => [key, [value]]);
  const endpoint = notifications && {
    name: 'test',
    url: notifications.url,
    headers: Object.fromEntries(headers),
    timeout: '1s',
    threshold: 3,
    backoff: '1s',
  };
  return {
    version: 0.1,
    log: { level: 'info', formatter: 'text', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0', secret: randomBytes(16).toString('hex') },
    ...(endpoint && { notifications: { endpoints: [endpoint] } }),
    ...(auth && { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } }),
  };
}

/** The registry takes bcrypt alone, which Debian's crypt(3) knows and every Debian's perl reaches. */
async function htpasswdLine({ username, password }: { username: string; password: string }): Promise<string> {
  const salt = `$2y$05$${randomBytes(11).toString('hex')}`;
  const { stdout } = await promisify(execFile)('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, salt]);
  if (!stdout.startsWith('$2y$'))
    throw new Error('This system has no bcrypt in crypt(3): the registry cannot ask for a password.');
  return `${username}:${stdout}\n`;
}

async function listeningPort(child: ChildProcess): Promise<number> {
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  const port = new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      const match = /listening on 127\.0\.0\.1:(\d+)/.exec(line);
      if (match) resolve(Number(match[1]));
      if (said.length > 50) said.shift();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}:\n${said.join('\n')}`)));
  });
  return port;
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}

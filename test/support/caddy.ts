import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxyIo } from '#plugins/source';
import { proxyIo } from './proxy-io.js';

export interface TestCaddy {
  readonly io: ProxyIo;
  readonly directory: string;
  /** As after a crash: a new process with nothing but its admin socket. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A real Caddy on a free loopback port, its admin on a unix socket in a temporary directory. */
export async function startCaddy(): Promise<TestCaddy> {
  const directory = await mkdtemp(join(tmpdir(), 'tf-caddy-'));
  const socket = join(directory, 'admin.sock');
  const routesDirectory = join(directory, 'routes');
  await mkdir(routesDirectory);
  await writeFile(
    join(directory, 'initial.json'),
    JSON.stringify({ admin: { listen: `unix/${socket}`, config: { persist: false } } }),
  );
  const io = proxyIo({
    routesDirectory,
    httpPort: await freePort(),
    httpsPort: await freePort(),
    admin: (method, path, body) => admin({ socket, method, path, body }),
  });
  let child = await launch(directory, io);
  return {
    io,
    directory,
    async restart() {
      await end(child);
      child = await launch(directory, io);
    },
    async stop() {
      await end(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function launch(directory: string, io: ProxyIo): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'], HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
  const child = spawn('caddy', ['run', '--config', join(directory, 'initial.json')], { env, stdio: 'ignore' });
  for (let tries = 0; ; tries += 1) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('caddy did not come up');
    try {
      await io.admin('GET', '/config/');
      return child;
    } catch {
      if (tries === 500) await end(child);
      await sleep(10);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

interface AdminCall {
  readonly socket: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

function admin({ socket, method, path, body }: AdminCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // On a unix socket Caddy takes an empty Host alone, which Node sends from a list of headers only.
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = [
      'Host',
      '',
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(payload)),
    ];
    const outgoing = request({ socketPath: socket, method, path, headers, setHost: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode !== 200) reject(new Error(`caddy answered ${answer.statusCode}: ${text}`));
        else resolve(text === '' ? null : JSON.parse(text));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

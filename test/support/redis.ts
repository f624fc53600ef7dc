import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface RunningRedis {
  readonly url: string;
  readonly pid: number;
  /** SIGKILL; what was not on disk is lost (nothing is: persistence is off). */
  kill(): Promise<void>;
  /** Starts it again at the same address, ending a running one first. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** A Redis of one's own on a free loopback port. `settings`: further `redis-server` arguments. */
export async function startRedis(settings: readonly string[] = []): Promise<RunningRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'tiny-forge-redis-'));
  let port = await freePort();
  let server = await launch(port, dir, settings).catch(async () => {
    port = await freePort(); // Someone took the first one in between.
    return launch(port, dir, settings);
  });
  const kill = () => end(server, 'SIGKILL');
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server.pid ?? -1;
    },
    kill,
    async restart() {
      await kill();
      server = await launch(port, dir, settings);
    },
    async stop() {
      await end(server, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, dir: string, settings: readonly string[]): Promise<ChildProcess> {
  const own = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', [...own, ...settings], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: server.stdout })) {
    if (!line.includes('Ready to accept connections')) continue;
    server.stdout.resume();
    return server;
  }
  throw new Error(`redis-server did not start on port ${port}. Is it installed (apt-get install redis-server)?`);
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill(signal);
  await gone;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

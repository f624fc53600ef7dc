import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TerminalError } from '#domain/errors';
import type { Env } from './config.js';

/** `sun_path` holds 108 bytes and a closing zero: a longer one is cut short without a word. */
const MOST_SOCKET_BYTES = 107;

/** A short folder for sockets and pid files that belongs to this data folder; made when it is not there. */
export function runDirectory(dataDir: string, env: Env = process.env): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(parentFolder(uid, env), dataDirHash(dataDir));
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  refuseForeign(folder, uid);
  // Others may pass through to a socket that lets them in, and list nothing.
  chmodSync(folder, uid === 0 ? 0o711 : 0o700);
  return folder;
}

/** Ten hex digits that stand for a data folder, whichever way its path is written. */
export function dataDirHash(dataDir: string): string {
  return createHash('sha256').update(realPath(dataDir)).digest('hex').slice(0, 10);
}

/** Returns the path, or refuses one that the kernel would cut. */
export function socketPath(folder: string, name: string): string {
  const path = join(folder, name);
  const bytes = Buffer.byteLength(path);
  if (bytes <= MOST_SOCKET_BYTES) return path;
  throw new TerminalError(
    'socket-path-too-long',
    `The socket path ${path} has ${bytes} bytes, and ${MOST_SOCKET_BYTES} is the most that works. Set XDG_RUNTIME_DIR to a shorter folder.`,
    'operator',
  );
}

function parentFolder(uid: number, env: Env): string {
  if (uid === 0) return '/run/tiny-forge';
  if (env['XDG_RUNTIME_DIR']) return join(env['XDG_RUNTIME_DIR'], 'tiny-forge');
  return join(tmpdir(), `tiny-forge-${uid}`);
}

/** Under a folder that all may write to, somebody else could have been first. */
function refuseForeign(folder: string, uid: number): void {
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === uid) return;
  throw new TerminalError(
    'run-folder-foreign',
    `${folder} belongs to somebody else. Remove it, or set XDG_RUNTIME_DIR to a folder of yours.`,
    'operator',
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

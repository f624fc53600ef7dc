import { chmod, lstat, mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { TerminalError } from '#domain/errors';
import { isUnder } from '#domain/volume';

/** Only we and root look in: so what is in it can be open to whatever user a container runs as. */
const OWN_MODE = 0o700;
const OPEN_MODE = 0o777;
const PLAIN_MODE = 0o755;

/**
 * A directory of a workload's own, below the base of the settings; made part by part, through no symbolic link: a
 * container that had the directory above could have put one there. Resolves to its real path.
 */
export async function ownDirectory(base: string, path: string): Promise<string> {
  await mkdir(base, { recursive: true, mode: PLAIN_MODE });
  const root = await realpath(base);
  const parts = relative(base, path).split('/');
  let current = root;
  for (const [index, part] of parts.entries()) {
    current = join(current, part);
    await ensurePart(current, index === 0 ? OWN_MODE : OPEN_MODE);
  }
  return requireWithin(await realpath(current), [root], path);
}

/** A host path below one that an admin allows, symbolic links followed in both; made when it is not there. */
export async function allowedPath(path: string, allowed: readonly string[]): Promise<string> {
  const roots = (await Promise.all(allowed.map(realOrNull))).filter((root) => root !== null);
  const { there, missing } = await deepest(path);
  requireWithin(there, roots, path);
  let current = there;
  for (const part of missing) {
    current = join(current, part);
    await ensurePart(current, PLAIN_MODE);
  }
  return requireWithin(await realpath(current), roots, path);
}

async function ensurePart(path: string, mode: number): Promise<void> {
  const isNew = await mkdir(path, { mode }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  // The umask would take away from it.
  if (isNew) return await chmod(path, mode);
  const found = await lstat(path);
  if (found.isDirectory()) return;
  throw notAllowed(`${path} is ${found.isSymbolicLink() ? 'a symbolic link' : 'no directory'}.`);
}

/** The real path of the last part that is there, and what comes below it. */
async function deepest(path: string): Promise<{ there: string; missing: readonly string[] }> {
  const missing: string[] = [];
  for (let current = path; ; current = dirname(current)) {
    const there = await realOrNull(current);
    if (there !== null) return { there, missing };
    missing.unshift(basename(current));
  }
}

async function realOrNull(path: string): Promise<string | null> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw notAllowed(`${path} cannot be looked at (${error.code ?? error.message}).`);
  });
}

function requireWithin(real: string, roots: readonly string[], asked: string): string {
  if (roots.some((root) => isUnder(real, root))) return real;
  const where = real === asked ? '' : `, which is ${real},`;
  throw notAllowed(`${asked}${where} is not under a path that an admin allows (setting allowedVolumePaths).`);
}

export function notAllowed(text: string): TerminalError {
  return new TerminalError('volume-not-allowed', `A volume is refused: ${text}`);
}

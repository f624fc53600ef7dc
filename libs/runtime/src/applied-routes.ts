import { randomBytes } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { mkdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '#domain/errors';

/** Workload id → keys of the layouts that the proxy has been given. Opaque here. */
export type Applied = Readonly<Record<string, readonly string[]>>;

const APPLIED = '.applied.json';
const ASKED = '.asked';
const POLL_MS = 20;

/** Only the keeper. Whole or not at all; the same again writes nothing. */
export async function writeApplied(routesDirectory: string, applied: Applied): Promise<void> {
  if (JSON.stringify(await readApplied(routesDirectory)) === JSON.stringify(applied)) return;
  const fresh = join(routesDirectory, `.applied-${randomBytes(6).toString('hex')}`);
  await writeFile(fresh, JSON.stringify(applied));
  await rename(fresh, join(routesDirectory, APPLIED));
}

export async function readApplied(routesDirectory: string): Promise<Applied> {
  try {
    return JSON.parse(await readFile(join(routesDirectory, APPLIED), 'utf8')) as Applied;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

export interface Awaited {
  readonly routesDirectory: string;
  readonly workloadId: string;
  readonly key: string;
  readonly signal: AbortSignal;
  /** 15,000 unless told: a keeper changes the proxy at most every 2 s. */
  readonly timeoutMs?: number;
}

/** Returns at once when the keeper has applied it; else asks it to, and throws `proxy-not-ready` when it did not in time. */
export async function untilApplied(awaited: Awaited): Promise<void> {
  const { routesDirectory, workloadId, key, signal, timeoutMs = 15_000 } = awaited;
  const isApplied = async (): Promise<boolean> =>
    (await readApplied(routesDirectory))[workloadId]?.includes(key) ?? false;
  if (await isApplied()) return;
  await askKeeper(routesDirectory);
  const end = Date.now() + timeoutMs;
  while (!(await isApplied())) {
    if (Date.now() > end) throw notReady(timeoutMs);
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Tells the keeper of this node, in whatever process it is, that a route has changed. A hint: it looks by itself too. */
export async function askKeeper(routesDirectory: string): Promise<void> {
  await mkdir(routesDirectory, { recursive: true });
  const file = join(routesDirectory, ASKED);
  await writeFile(file, '', { flag: 'a' });
  const now = new Date();
  await utimes(file, now, now);
}

/** The keeper's side of {@link askKeeper}. The directory has to exist. */
export function onAsked(routesDirectory: string, listener: () => void): FSWatcher {
  const watcher = watch(routesDirectory, { persistent: false }, (_event, name) => {
    if (name === ASKED) listener();
  });
  // Without the hint the keeper's own rhythm remains.
  watcher.on('error', () => watcher.close());
  return watcher;
}

function notReady(timeoutMs: number): RetryableError {
  const text = `The proxy has not taken this workload's faces within ${timeoutMs / 1000} s. Is the reconciler running, and the proxy reachable?`;
  return new RetryableError('proxy-not-ready', text);
}

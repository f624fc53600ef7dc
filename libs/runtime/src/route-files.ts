import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A workload's route is one empty file in its own directory, named `<epoch>[-<port>…]`. The proxy reads the name at
 * every request, so a switch is one rename. The keeper makes the directory, a worker renames the file.
 */
export interface RouteFile {
  /** Of the lease under which it was written; 0 before the first. */
  readonly epoch: number;
  /** On loopback; none = nothing serves. */
  readonly ports: readonly number[];
}

/** Somebody with a newer lease switched this route, or it is gone: whoever gets this has to stop. */
export class RouteMoved extends Error {
  override readonly name = 'RouteMoved';
  readonly code = 'route-moved';
}

export function routeDirectory(routesDirectory: string, workloadId: string): string {
  if (!/^[\w-]+$/.test(workloadId)) throw new Error(`${JSON.stringify(workloadId)} is no workload id`);
  return join(routesDirectory, workloadId);
}

export function formatRoute({ epoch, ports }: RouteFile): string {
  return [epoch, ...ports].join('-');
}

/** Null for a name that is no route. */
export function parseRoute(name: string): RouteFile | null {
  if (!/^\d{1,15}(-\d{1,5})*$/.test(name)) return null;
  const [epoch = 0, ...ports] = name.split('-').map(Number);
  return { epoch, ports };
}

/** Null when there is no directory yet. */
export async function currentRoute(directory: string): Promise<RouteFile | null> {
  const names = await readdir(directory).catch(absentAsEmpty);
  const routes = names.map(parseRoute).filter((route) => route !== null);
  return routes.reduce<RouteFile | null>((best, route) => (best && best.epoch >= route.epoch ? best : route), null);
}

/** Makes the directory with its first file `0` in one rename, so that nobody sees it half made. Already there is fine. */
export async function createEmptyRoute(directory: string): Promise<void> {
  const parent = join(directory, '..');
  await mkdir(parent, { recursive: true });
  const fresh = await mkdtemp(join(parent, '.new-'));
  try {
    // mkdtemp makes it private; a proxy that runs as another user has to read it.
    const inner = join(fresh, 'route');
    await mkdir(inner, { mode: 0o755 });
    await writeFile(join(inner, formatRoute({ epoch: 0, ports: [] })), '');
    await rename(inner, directory);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

export interface Switch {
  readonly directory: string;
  /** The route as this worker saw it when it took the lease. */
  readonly from: RouteFile;
  readonly epoch: number;
  readonly ports: readonly number[];
}

/** Compare and set in one rename: {@link RouteMoved} when the route is not `from` any more, or is newer than `epoch`. */
export async function switchRoute({ directory, from, epoch, ports }: Switch): Promise<RouteFile> {
  if (from.epoch > epoch) throw new RouteMoved(`the route was switched under epoch ${from.epoch}, after this ${epoch}`);
  const to = { epoch, ports };
  try {
    await rename(join(directory, formatRoute(from)), join(directory, formatRoute(to)));
    return to;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new RouteMoved(`the route is not ${formatRoute(from)} any more: another worker switched it`);
  }
}

/** For a workload that was torn down; absent is fine. */
export async function removeRoute(directory: string): Promise<void> {
  const gone = join(directory, '..', `.gone-${randomBytes(6).toString('hex')}`);
  try {
    await rename(directory, gone);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  await rm(gone, { recursive: true, force: true });
}

function absentAsEmpty(error: unknown): readonly string[] {
  if (hasCode(error, 'ENOENT')) return [];
  throw error;
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

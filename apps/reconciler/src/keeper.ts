import { mkdir, readdir } from 'node:fs/promises';
import { areAmbiguous, layoutKey, routesOf, type WantedRoutes } from '#plugins/routing/port-groups';
import type { Proxy, ProxyIo, Route } from '#plugins/source';
import { onAsked, writeApplied, type Applied } from '#runtime/applied-routes';
import { createEmptyRoute, currentRoute, formatRoute, routeDirectory } from '#runtime/route-files';

export interface KeeperOptions {
  /** Every workload of this node that is not torn down. Throws rather than leave some out. */
  readonly listRoutes: () => Promise<readonly WantedRoutes[]>;
  readonly proxy: Proxy;
  readonly io: ProxyIo;
  /** Runs it while no other keeper of this node does; null = another one is at it. */
  readonly lock: <T>(run: () => Promise<T>) => Promise<T | null>;
  readonly onError: (error: unknown) => void;
}

export interface Keeper {
  /** Returns after the first look. */
  start(): Promise<void>;
  /** Routes have changed: looks at once, or 2 s after the last change of the proxy. */
  poke(): void;
  stop(): Promise<void>;
}

/** Each change makes the proxy reload all it has, which costs requests: one reload carries what came in meanwhile. */
const GAP_MS = 2_000;
/** A proxy that lost its configuration is mended within 5 s, loading included. */
const COMPARE_MS = 4_000;
const RETRY_MS = 1_000;
/** Pokes that change nothing must not become a loop over the database. */
const POKE_MS = 50;

/** The one who configures the proxy of a node. A switch does not come here: that is a rename by its worker. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { routesDirectory } = options.io;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let state: 'idle' | 'poked' | 'failed' | 'stopped' = 'idle';
  let changedAt = 0;
  let stopWatching = (): void => {};

  const plan = (): void => {
    clearTimeout(timer);
    if (state === 'stopped') return;
    const poked = Math.max(POKE_MS, changedAt + GAP_MS - performance.now());
    timer = setTimeout(run, state === 'poked' ? poked : state === 'failed' ? RETRY_MS : COMPARE_MS);
  };
  const look = async (): Promise<void> => {
    if (state !== 'stopped') state = 'idle';
    try {
      if (await options.lock(() => keep(options))) changedAt = performance.now();
    } catch (error) {
      if (state === 'idle') state = 'failed';
      options.onError(error);
    }
  };
  const run = (): void => {
    clearTimeout(timer);
    running ??= look().finally(() => {
      running = null;
      plan();
    });
  };
  const poke = (): void => {
    if (state === 'stopped') return;
    const isFirst = state !== 'poked';
    state = 'poked';
    if (running || !isFirst) return;
    if (performance.now() >= changedAt + GAP_MS) run();
    else plan();
  };
  return {
    poke,
    async start() {
      await mkdir(routesDirectory, { recursive: true });
      const watcher = onAsked(routesDirectory, poke);
      stopWatching = () => watcher.close();
      run();
      await running;
    },
    async stop() {
      state = 'stopped';
      stopWatching();
      clearTimeout(timer);
      await running;
    },
  };
}

/** True when the proxy had to be changed. */
async function keep({ listRoutes, proxy, io }: KeeperOptions): Promise<boolean> {
  const wanted = await listRoutes();
  await makeDirectories(io.routesDirectory, wanted);
  const routes: Route[] = [];
  for (const each of wanted) routes.push(...(await routesNow(each, io.routesDirectory)));
  const hasChanged = await proxy.apply(proxy.render(routes, io), io);
  await writeApplied(io.routesDirectory, appliedBy(wanted));
  return hasChanged;
}

/** Two layouts that only the name of the serving file can tell apart are the rare case: the rest needs no look at it. */
async function routesNow(wanted: WantedRoutes, routesDirectory: string): Promise<readonly Route[]> {
  if (!areAmbiguous(wanted)) return routesOf(wanted, null);
  const current = await currentRoute(routeDirectory(routesDirectory, wanted.workloadId));
  return routesOf(wanted, current && current.ports.length > 0 ? formatRoute(current) : null);
}

async function makeDirectories(routesDirectory: string, wanted: readonly WantedRoutes[]): Promise<void> {
  const present = new Set(await readdir(routesDirectory));
  for (const { workloadId } of wanted) {
    if (!present.has(workloadId)) await createEmptyRoute(routeDirectory(routesDirectory, workloadId));
  }
}

function appliedBy(wanted: readonly WantedRoutes[]): Applied {
  return Object.fromEntries(
    wanted.map(({ workloadId, serving, pending }) => {
      return [workloadId, [serving, pending].filter((layout) => layout !== null).map(layoutKey)];
    }),
  );
}

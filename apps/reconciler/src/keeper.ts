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
  /** Fills in what these routes need and what may have changed since: their secrets, who issues certificates. */
  readonly equip: (io: ProxyIo, routes: readonly Route[]) => Promise<ProxyIo>;
  /** Asked right before the proxy is changed: throws when another keeper of this node may be at it by now. */
  readonly assertMine: () => void;
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
      if (await keep(options)) changedAt = performance.now();
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
async function keep({ listRoutes, proxy, io, equip, assertMine }: KeeperOptions): Promise<boolean> {
  const wanted = await listRoutes();
  await makeDirectories(io.routesDirectory, wanted);
  const files = await filesOf(wanted, proxy, io.routesDirectory);
  const routes = wanted.flatMap((each) => {
    const file = files.get(each.workloadId) ?? null;
    const found = routesOf(each, file);
    return proxy.followsFiles ? found : found.map((route) => ({ ...route, file }));
  });
  const equipped = await equip(io, routes);
  const doc = proxy.render(routes, equipped);
  assertMine();
  const hasChanged = await proxy.apply(doc, equipped);
  await writeApplied(io.routesDirectory, appliedBy(wanted, proxy.followsFiles ? new Map() : files));
  return hasChanged;
}

/**
 * Names of the files that serve. A proxy that reads them itself needs them only for two layouts that nothing else can
 * tell apart, which is the rare case.
 */
async function filesOf(
  wanted: readonly WantedRoutes[],
  { followsFiles }: Proxy,
  routesDirectory: string,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const each of wanted) {
    if (followsFiles && !areAmbiguous(each)) continue;
    const current = await currentRoute(routeDirectory(routesDirectory, each.workloadId));
    if (current && current.ports.length > 0) files.set(each.workloadId, formatRoute(current));
  }
  return files;
}

async function makeDirectories(routesDirectory: string, wanted: readonly WantedRoutes[]): Promise<void> {
  const present = new Set(await readdir(routesDirectory));
  for (const { workloadId, isLeaving } of wanted) {
    if (!present.has(workloadId) && !isLeaving) await createEmptyRoute(routeDirectory(routesDirectory, workloadId));
  }
}

/** The layouts, and the files that were rendered: for the worker that waits for one of them. */
function appliedBy(wanted: readonly WantedRoutes[], files: ReadonlyMap<string, string>): Applied {
  return Object.fromEntries(
    wanted.map(({ workloadId, serving, pending }) => {
      const layouts = [serving, pending].filter((layout) => layout !== null).map(layoutKey);
      const file = files.get(workloadId);
      return [workloadId, file === undefined ? layouts : [...layouts, file]];
    }),
  );
}

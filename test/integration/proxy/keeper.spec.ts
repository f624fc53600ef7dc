import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { join } from 'node:path';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { traefik } from '#plugins/proxies/traefik/traefik';
import { layoutKey, layoutOf, type WantedRoutes } from '#plugins/routing/port-groups';
import type { Proxy } from '#plugins/source';
import { untilApplied } from '#runtime/applied-routes';
import { proxyFiles } from '#runtime/proxy-files';
import { currentRoute, routeDirectory, switchRoute } from '#runtime/route-files';
import { LeaseLost } from '#store/errors';
import { createKeeper, type Keeper, type KeeperOptions } from '../../../apps/reconciler/src/keeper.js';
import { startCaddy, type TestCaddy } from '../../support/caddy.js';
import { getFace } from '../../support/face-client.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

const idOf = (index: number): string => `01900000-0000-7000-8000-${String(index).padStart(12, '0')}`;
const layout = (host: string) => layoutOf([{ host, path: '/', port: null }], { port: 80, instances: 1 });
const signal = AbortSignal.timeout(60_000);

let proxy: TestCaddy;
let app: Upstream;
let keeper: Keeper;
let wanted: WantedRoutes[];
let errors: unknown[];

beforeEach(async () => {
  proxy = await startCaddy();
  app = await startUpstream('app');
  wanted = [];
  errors = [];
});
afterEach(async () => {
  await keeper.stop();
  await app.close();
  await proxy.stop();
});

/** Counts how often the real proxy was changed. */
function counted(): { proxy: Proxy; changes: () => number } {
  let changes = 0;
  const apply: Proxy['apply'] = async (doc, io) => {
    const hasChanged = await caddy.apply(doc, io);
    if (hasChanged) changes += 1;
    return hasChanged;
  };
  return { proxy: { ...caddy, apply }, changes: () => changes };
}

function keep(options: Partial<KeeperOptions> = {}): Keeper {
  return createKeeper({
    listRoutes: async () => wanted,
    proxy: caddy,
    io: proxy.io,
    equip: async (io) => io,
    assertMine: () => undefined,
    onError: (error) => errors.push(error),
    ...options,
  });
}

async function deploy(index: number): Promise<void> {
  const workloadId = idOf(index);
  const { routesDirectory } = proxy.io;
  await untilApplied({ routesDirectory, workloadId, key: layoutKey(layout(`w${index}.example.org`)), signal });
  const directory = routeDirectory(routesDirectory, workloadId);
  await switchRoute({ directory, from: (await currentRoute(directory))!, epoch: 1, ports: [app.port] });
}

const statusOf = async (index: number) =>
  (await getFace({ port: proxy.io.httpPort, host: `w${index}.example.org` })).status;

describe('the keeper', () => {
  it('lets a first deploy through as soon as its faces are in the proxy', async () => {
    keeper = keep();
    await keeper.start();
    wanted = [{ workloadId: idOf(1), serving: null, pending: layout('w1.example.org') }];
    const startedAt = performance.now();
    await deploy(1);
    expect(await statusOf(1)).toBe(200);
    // The first look at boot was a change: the next one is due 2 s after it, not a whole round later.
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(errors).toEqual([]);
  });

  it('carries many changes in one reload, at most one in 2 s', async () => {
    const { proxy: kept, changes } = counted();
    keeper = keep({ proxy: kept });
    await keeper.start();
    const before = changes();
    const deploys: Promise<void>[] = [];
    for (let index = 1; index <= 20; index += 1) {
      wanted = [...wanted, { workloadId: idOf(index), serving: null, pending: layout(`w${index}.example.org`) }];
      deploys.push(deploy(index));
    }
    await Promise.all(deploys);
    expect(changes() - before).toBe(1);
    expect(await Promise.all(wanted.map((_, index) => statusOf(index + 1)))).toEqual(wanted.map(() => 200));
  });

  it('makes no route anew for a workload that is being torn down', async () => {
    wanted = [1, 2].map((index) => ({
      workloadId: idOf(index),
      serving: layout(`w${index}.example.org`),
      pending: null,
      isLeaving: index === 1,
    }));
    keeper = keep();
    await keeper.start();
    const routeOf = (index: number) => currentRoute(routeDirectory(proxy.io.routesDirectory, idOf(index)));
    expect(await Promise.all([routeOf(1), routeOf(2)])).toEqual([null, { epoch: 0, ports: [] }]);
    expect(errors).toEqual([]);
  });

  it('mends a proxy that lost its configuration within 5 s', async () => {
    wanted = [{ workloadId: idOf(1), serving: layout('w1.example.org'), pending: null }];
    keeper = keep();
    await keeper.start();
    await deploy(1);
    await proxy.restart();
    const lostAt = performance.now();
    await vi.waitFor(async () => expect(await statusOf(1)).toBe(200), { timeout: 8_000, interval: 20 });
    expect(performance.now() - lostAt).toBeLessThan(5_000);
  });

  it('reports a proxy that does not answer, and goes on when it is back', async () => {
    let isDown = true;
    const io = {
      ...proxy.io,
      admin: async (...call: Parameters<typeof proxy.io.admin>) =>
        isDown ? Promise.reject(new Error('down')) : proxy.io.admin(...call),
    };
    wanted = [{ workloadId: idOf(1), serving: layout('w1.example.org'), pending: null }];
    keeper = keep({ io });
    await keeper.start();
    expect(errors).toHaveLength(1);
    isDown = false;
    await deploy(1);
    expect(await statusOf(1)).toBe(200);
  });

  it('renders each switch for a proxy that reads no route files, and says so to who waits', async () => {
    const { routesDirectory } = proxy.io;
    const files = proxyFiles(join(proxy.directory, 'traefik'));
    wanted = [{ workloadId: idOf(1), serving: null, pending: layout('w1.example.org') }];
    keeper = keep({ proxy: traefik, io: { ...proxy.io, files } });
    await keeper.start();
    await untilApplied({ routesDirectory, workloadId: idOf(1), key: layoutKey(layout('w1.example.org')), signal });
    const file = `tinyforge-${idOf(1)}.yml`;
    expect(await files.read(file)).not.toContain(String(app.port));
    const directory = routeDirectory(routesDirectory, idOf(1));
    await switchRoute({ directory, from: (await currentRoute(directory))!, epoch: 4, ports: [app.port] });
    await untilApplied({ routesDirectory, workloadId: idOf(1), key: `4-${app.port}`, signal });
    expect(await files.read(file)).toContain(`http://127.0.0.1:${app.port}`);
    wanted = [];
    keeper.poke();
    await vi.waitFor(async () => expect(await files.list()).toEqual([]), { timeout: 8_000, interval: 20 });
    expect(errors).toEqual([]);
  });

  it('leaves the proxy to whoever leads the node by now', async () => {
    const { proxy: kept, changes } = counted();
    const assertMine = () => {
      throw new LeaseLost('node-default');
    };
    keeper = keep({ proxy: kept, assertMine });
    await keeper.start();
    const { routesDirectory } = proxy.io;
    const waiting = untilApplied({ routesDirectory, workloadId: idOf(1), key: 'k', signal, timeoutMs: 200 });
    await expect(waiting).rejects.toMatchObject({ code: 'proxy-not-ready' });
    expect(changes()).toBe(0);
  });
});

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askKeeper, onAsked, readApplied, untilApplied, writeApplied } from '#runtime/applied-routes';
import {
  createEmptyRoute,
  currentRoute,
  formatRoute,
  parseRoute,
  removeRoute,
  routeDirectory,
  RouteMoved,
  switchRoute,
} from '#runtime/route-files';

let routes: string;
let directory: string;
const signal = AbortSignal.timeout(20_000);

beforeEach(async () => {
  routes = await mkdtemp(join(tmpdir(), 'tf-routes-'));
  directory = routeDirectory(routes, 'w1');
});
afterEach(() => rm(routes, { recursive: true, force: true }));

describe('the name of a route', () => {
  it.each([
    ['0', { epoch: 0, ports: [] }],
    ['7-20001', { epoch: 7, ports: [20_001] }],
    ['123456-20001-20002', { epoch: 123_456, ports: [20_001, 20_002] }],
  ])('%s reads and writes the same', (name, route) => {
    expect(parseRoute(name)).toEqual(route);
    expect(formatRoute(route)).toBe(name);
  });

  it.each(['', '-1', '7-', '7--2', 'x', '7-20001.tmp', '.asked', '7-999999'])('%j is none', (name) => {
    expect(parseRoute(name)).toBeNull();
  });

  it.each(['../w', 'a/b', '', '.'])('%j is no workload', (id) => {
    expect(() => routeDirectory(routes, id)).toThrow('no workload id');
  });
});

describe('a route', () => {
  it('begins with nothing that serves, however many make it', async () => {
    expect(await currentRoute(directory)).toBeNull();
    await Promise.all(Array.from({ length: 8 }, () => createEmptyRoute(directory)));
    expect(await readdir(directory)).toEqual(['0']);
    expect(await readdir(routes)).toEqual(['w1']);
  });

  it('is not begun again where one serves', async () => {
    await createEmptyRoute(directory);
    await switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: 3, ports: [20_001] });
    await createEmptyRoute(directory);
    expect(await readdir(directory)).toEqual(['3-20001']);
  });

  it('is switched by one of many racers only', async () => {
    await createEmptyRoute(directory);
    const racers = Array.from({ length: 8 }, (_, index) => {
      return switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: index + 1, ports: [20_000 + index] });
    });
    const settled = await Promise.allSettled(racers);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const each of settled) if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(RouteMoved);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('is not taken back by an older epoch', async () => {
    await createEmptyRoute(directory);
    const from = await switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: 9, ports: [20_001] });
    await expect(switchRoute({ directory, from, epoch: 8, ports: [20_002] })).rejects.toBeInstanceOf(RouteMoved);
    expect(await currentRoute(directory)).toEqual(from);
  });

  it('can be switched to nothing, and again by the same epoch', async () => {
    await createEmptyRoute(directory);
    const served = await switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: 2, ports: [20_001] });
    const none = await switchRoute({ directory, from: served, epoch: 2, ports: [] });
    expect(await switchRoute({ directory, from: none, epoch: 2, ports: [] })).toEqual(none);
    expect(await readdir(directory)).toEqual(['2']);
  });

  it('is the newest of the files, whatever else lies there', async () => {
    await createEmptyRoute(directory);
    for (const name of ['3-20001', '12', 'note.txt']) await writeFile(join(directory, name), '');
    expect(await currentRoute(directory)).toEqual({ epoch: 12, ports: [] });
  });

  it('goes with its workload, also when it is gone already', async () => {
    await createEmptyRoute(directory);
    await removeRoute(directory);
    await removeRoute(directory);
    expect(await readdir(routes)).toEqual([]);
    await expect(switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: 1, ports: [] })).rejects.toBeInstanceOf(
      RouteMoved,
    );
  });
});

describe('what the keeper has applied', () => {
  const awaited = () => ({ routesDirectory: routes, workloadId: 'w1', key: 'k1', signal, timeoutMs: 10_000 });

  it('is nothing at first', async () => {
    expect(await readApplied(routes)).toEqual({});
  });

  it('lets a waiting worker go on once its layout is among it', async () => {
    await writeApplied(routes, { w1: ['k0'], w2: ['k1'] });
    let isDone = false;
    const waiting = untilApplied(awaited()).then(() => (isDone = true));
    await writeApplied(routes, { w1: ['k0'] });
    expect(isDone).toBe(false);
    await writeApplied(routes, { w1: ['k0', 'k1'] });
    await waiting;
    expect((await readdir(routes)).filter((name) => name.startsWith('.applied-'))).toEqual([]);
  });

  it('asks the keeper, and says so when it does not come', async () => {
    const asked = new Promise<void>((resolve) => {
      const watcher = onAsked(routes, () => {
        watcher.close();
        resolve();
      });
    });
    await expect(untilApplied({ ...awaited(), timeoutMs: 60 })).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'proxy-not-ready',
    });
    await asked;
  });

  it('is asked for again and again', async () => {
    await askKeeper(routes);
    let count = 0;
    const watcher = onAsked(routes, () => (count += 1));
    await askKeeper(routes);
    await expect.poll(() => count).toBeGreaterThan(0);
    watcher.close();
  });

  it('is not waited for past the end of a lease', async () => {
    const lease = new AbortController();
    const waiting = untilApplied({ ...awaited(), signal: lease.signal });
    lease.abort(new Error('lease lost'));
    await expect(waiting).rejects.toThrow();
  });
});

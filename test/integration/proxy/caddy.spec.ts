import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { layoutOf, routesOf, type WantedRoutes } from '#plugins/routing/port-groups';
import type { Face } from '#plugins/source';
import { createEmptyRoute, currentRoute, routeDirectory, RouteMoved, switchRoute } from '#runtime/route-files';
import { startCaddy, type TestCaddy } from '../../support/caddy.js';
import { getFace, startLoad } from '../../support/face-client.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

const SHOP = '01900000-0000-7000-8000-000000000001';
const CHAT = '01900000-0000-7000-8000-000000000002';
const face = (host: string, path = '/', port: number | null = null): Face => ({ host, path, port });

let proxy: TestCaddy;
let apps: Upstream[];
let epoch = 0;

beforeAll(async () => {
  proxy = await startCaddy();
  apps = await Promise.all(['a', 'b', 'c', 'd'].map(startUpstream));
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all(apps.map((app) => app.close()));
});
beforeEach(async () => {
  for (const id of [SHOP, CHAT]) await createEmptyRoute(routeDirectory(proxy.io.routesDirectory, id));
});

const portOf = (index: number): number => apps[index]!.port;

async function serve(workloadId: string, ...ports: readonly number[]): Promise<void> {
  const directory = routeDirectory(proxy.io.routesDirectory, workloadId);
  const from = await currentRoute(directory);
  await switchRoute({ directory, from: from!, epoch: (epoch += 1), ports });
}

const release = (faces: readonly Face[], instances = 1, port = 80) => layoutOf(faces, { port, instances });
const wants = (workloadId: string, faces: readonly Face[], instances = 1): WantedRoutes => {
  return { workloadId, serving: release(faces, instances), pending: null };
};

async function apply(...wanted: readonly WantedRoutes[]): Promise<boolean> {
  return caddy.apply(
    caddy.render(
      wanted.flatMap((each) => routesOf(each, null)),
      proxy.io,
    ),
    proxy.io,
  );
}

const get = (host: string, path = '/', headers = {}) => getFace({ port: proxy.io.httpPort, host, path, headers });

describe('routes', () => {
  it('answers 503 with Retry-After before the first deploy, and 404 where nobody lives', async () => {
    await apply(wants(SHOP, [face('early.example.org')]));
    await serve(SHOP);
    const early = await get('early.example.org');
    expect([early.status, early.headers['retry-after']]).toEqual([503, '2']);
    const nobody = await get('nobody.example.org');
    expect([nobody.status, nobody.body]).toEqual([404, expect.stringContaining('no such host')]);
  });

  it('prefers the longest path, does not strip it and does not take its namesakes', async () => {
    await apply(
      wants(SHOP, [face('x.example.org'), face('x.example.org', '/api/v1')]),
      wants(CHAT, [face('x.example.org', '/api')]),
    );
    await serve(SHOP, portOf(0));
    await serve(CHAT, portOf(1));
    const bodies = ['/', '/api', '/api/', '/api/x?q=1', '/apix', '/api/v1', '/api/v1/y'].map(
      async (path) => (await get('x.example.org', path)).body,
    );
    expect(await Promise.all(bodies)).toEqual([
      'a /',
      'b /api',
      'b /api/',
      'b /api/x?q=1',
      'a /apix',
      'a /api/v1',
      'a /api/v1/y',
    ]);
  });

  it('takes a star in a path for the plain character that it is', async () => {
    await apply(wants(SHOP, [face('star.example.org', '/a*')]));
    await serve(SHOP, portOf(0));
    expect((await get('star.example.org', '/a*/x')).body).toBe('a /a*/x');
    expect((await get('star.example.org', '/abc')).status).toBe(404);
  });

  it('gives each face its own container port, and each instance its turn', async () => {
    await apply(wants(SHOP, [face('web.example.org', '/', 8080), face('admin.example.org', '/', 9090)], 2));
    await serve(SHOP, ...[0, 1, 2, 3].map(portOf));
    const seen = async (host: string) =>
      new Set(await Promise.all([1, 2, 3, 4].map(async () => (await get(host)).body)));
    expect(await seen('web.example.org')).toEqual(new Set(['a /', 'b /']));
    expect(await seen('admin.example.org')).toEqual(new Set(['c /', 'd /']));
  });

  it('tells the upstream who asked, and takes nobody at their word', async () => {
    await apply(wants(SHOP, [face('who.example.org')]));
    await serve(SHOP, portOf(0));
    await get('who.example.org', '/', {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'bank.example',
    });
    expect(apps[0]!.headers()).toMatchObject({
      host: 'who.example.org',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'who.example.org',
    });
  });
});

describe('a configuration', () => {
  it('is left alone when it runs already', async () => {
    await apply(wants(SHOP, [face('same.example.org')]));
    expect(await apply(wants(SHOP, [face('same.example.org')]))).toBe(false);
    expect(await apply(wants(SHOP, [face('other.example.org')]))).toBe(true);
  });

  it('keeps what is not ours', async () => {
    await apply(wants(SHOP, [face('x.example.org')]));
    const running = (await proxy.io.admin('GET', '/config/')) as {
      admin: unknown;
      apps: { http: { servers: Record<string, unknown> } };
    };
    running.apps.http.servers['theirs'] = { listen: [`unix/${proxy.directory}/theirs.sock`] };
    await proxy.io.admin('POST', '/load', running);
    expect(await apply(wants(SHOP, [face('x.example.org')]))).toBe(false);
    expect(await apply(wants(SHOP, [face('y.example.org')]))).toBe(true);
    const after = (await proxy.io.admin('GET', '/config/')) as typeof running;
    expect(Object.keys(after.apps.http.servers).sort()).toEqual(['theirs', 'tinyforge']);
    expect(after.admin).toEqual(running.admin);
  });

  it('serves the old and the new number of instances at once', async () => {
    const faces = [face('grow.example.org')];
    await apply({ workloadId: SHOP, serving: release(faces), pending: release(faces, 3) });
    await serve(SHOP, portOf(0));
    expect((await get('grow.example.org')).body).toBe('a /');
    await serve(SHOP, ...[1, 2, 3].map(portOf));
    const bodies = await Promise.all(Array.from({ length: 6 }, async () => (await get('grow.example.org')).body));
    expect(new Set(bodies)).toEqual(new Set(['b /', 'c /', 'd /']));
    await serve(SHOP, portOf(0), portOf(1));
    expect((await get('grow.example.org')).status).toBe(503);
  });

  it('tells two releases with as many ports apart by the file that serves', async () => {
    const wanted = {
      workloadId: SHOP,
      serving: release([face('one.example.org', '/', 80), face('two.example.org', '/', 81)]),
      pending: release([
        face('one.example.org', '/', 90),
        face('two.example.org', '/', 70),
        face('new.example.org', '/', 70),
      ]),
    };
    await serve(SHOP, portOf(0), portOf(1));
    await caddy.apply(caddy.render(routesOf(wanted, `${epoch}-${portOf(0)}-${portOf(1)}`), proxy.io), proxy.io);
    const bodies = async () =>
      Promise.all(['one', 'two', 'new'].map(async (name) => (await get(`${name}.example.org`)).body));
    expect(await bodies()).toEqual(['a /', 'b /', expect.stringContaining('no-instance')]);
    await serve(SHOP, portOf(2), portOf(3));
    expect(await bodies()).toEqual(['d /', 'c /', 'c /']);
  });
});

describe('a switch', () => {
  it('fails no request of 16 busy connections and cuts no WebSocket of a neighbour, 100 times over', async () => {
    await apply(
      wants(SHOP, [face('busy.example.org'), face('also.example.org', '/x')]),
      wants(CHAT, [face('chat.example.org')]),
    );
    await serve(SHOP, portOf(0));
    await serve(CHAT, portOf(2));
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.io.httpPort}/`, { headers: { host: 'chat.example.org' } });
    await once(socket, 'open');
    let isCut = false;
    socket.on('close', () => (isCut = true));

    const load = startLoad({ port: proxy.io.httpPort, host: 'busy.example.org' }, 16);
    for (let turn = 1; turn <= 100; turn += 1) {
      await serve(SHOP, portOf(turn % 2));
      const { body } = await get('also.example.org', '/x');
      expect(body).toBe(`${turn % 2 === 0 ? 'a' : 'b'} /x`);
    }
    const { requests, failures, bodies } = await load.end();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(200);
    expect(bodies).toEqual(new Set(['a /', 'b /']));

    socket.send('still here');
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect([String(echo), isCut]).toEqual(['c still here', false]);
    socket.terminate();
  });

  it('is refused to a worker whose picture is stale', async () => {
    const directory = routeDirectory(proxy.io.routesDirectory, SHOP);
    await apply(wants(SHOP, [face('stale.example.org')]));
    const seen = (await currentRoute(directory))!;
    const stale = epoch + 1;
    epoch += 1;
    await serve(SHOP, portOf(1));
    await expect(switchRoute({ directory, from: seen, epoch: stale, ports: [portOf(0)] })).rejects.toThrow(RouteMoved);
    const fresh = (await currentRoute(directory))!;
    await expect(switchRoute({ directory, from: fresh, epoch: stale, ports: [portOf(0)] })).rejects.toThrow(RouteMoved);
    expect((await get('stale.example.org')).body).toBe('b /');
  });
});

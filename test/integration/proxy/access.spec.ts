import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import bcrypt from 'bcryptjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { areAmbiguous, layoutOf, routesOf, type WantedRoutes } from '#plugins/routing/port-groups';
import type { Face } from '#plugins/source';
import { createEmptyRoute, currentRoute, formatRoute, routeDirectory, switchRoute } from '#runtime/route-files';
import { startCaddy, type TestCaddy } from '../../support/caddy.js';
import { selfSigned } from '../../support/certificate.js';
import { getFace } from '../../support/face-client.js';
import { getSecureFace, peerCertificate } from '../../support/secure-face.js';
import { startUpstream, type Upstream } from '../../support/upstream.js';

const SHOP = '01900000-0000-7000-8000-000000000001';
const secret = (secretId: string) => ({ secretId, version: 1, fingerprint: 'f' });
const PASSWORD = 'correct horse';

let proxy: TestCaddy;
let apps: Upstream[];
let epoch = 0;
const secrets = new Map<string, string>();

beforeAll(async () => {
  proxy = await startCaddy();
  apps = await Promise.all(['a', 'b'].map(startUpstream));
  secrets.set('door', await bcrypt.hash(PASSWORD, 4));
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all(apps.map((app) => app.close()));
});
beforeEach(() => createEmptyRoute(routeDirectory(proxy.io.routesDirectory, SHOP)));

const face = (host: string, more: Partial<Face> = {}): Face => ({ host, path: '/', port: null, ...more });
const release = (...faces: readonly Face[]) => layoutOf(faces, { port: 80, instances: 1 });
const login = { basicAuth: { user: 'ann', password: secret('door') } };
const from = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });
const get = (host: string, path = '/', headers = {}) => getFace({ port: proxy.io.httpPort, host, path, headers });
const getSecure = (host: string, path = '/', ca?: string) =>
  getSecureFace({ port: proxy.io.httpsPort, host, path, ...(ca && { ca }) });

async function serve(app: number): Promise<void> {
  const directory = routeDirectory(proxy.io.routesDirectory, SHOP);
  const ports = [apps[app]!.port];
  await switchRoute({ directory, from: (await currentRoute(directory))!, epoch: (epoch += 1), ports });
}

/** As the keeper does it. */
async function keep(wanted: WantedRoutes): Promise<boolean> {
  const current = await currentRoute(routeDirectory(proxy.io.routesDirectory, SHOP));
  const io = { ...proxy.io, reveal: ({ secretId }: { secretId: string }) => secrets.get(secretId) ?? null };
  const file = areAmbiguous(wanted) ? formatRoute(current!) : null;
  return caddy.apply(caddy.render(routesOf(wanted, file), io), io);
}

async function show(...faces: readonly Face[]): Promise<void> {
  await keep({ workloadId: SHOP, serving: release(...faces), pending: null });
  await serve(0);
}

describe('an internal face', () => {
  it('lets in who stands in its ranges, and nobody for what a header says', async () => {
    await show(
      face('in.example.org', { exposure: 'internal' }),
      face('out.example.org', { exposure: 'internal', allow: ['203.0.113.0/24', '2001:db8::/32'] }),
    );
    expect((await get('in.example.org')).body).toBe('a /');
    const lies = { 'x-forwarded-for': '203.0.113.7', 'x-real-ip': '203.0.113.7', forwarded: 'for=203.0.113.7' };
    for (const headers of [{}, lies]) {
      const answer = await get('out.example.org', '/', headers);
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        403,
        expect.objectContaining({ code: 'address-refused' }),
      ]);
    }
  });
});

describe('a face with a login', () => {
  it('asks for it, and takes the right one alone', async () => {
    await show(face('door.example.org', login), face('door.example.org', { path: '/open' }));
    const stranger = await get('door.example.org');
    expect([stranger.status, stranger.headers['www-authenticate']]).toEqual([401, 'Basic realm="restricted"']);
    expect((await get('door.example.org', '/', from('ann', 'wrong'))).status).toBe(401);
    expect((await get('door.example.org', '/', from('bob', PASSWORD))).status).toBe(401);
    expect((await get('door.example.org', '/', from('ann', PASSWORD))).body).toBe('a /');
    expect((await get('door.example.org', '/open')).body).toBe('a /open');
    expect((await get('door.example.org', '/OPEN')).status).toBe(401);
    expect((await get('door.example.org', '//open/../x')).status).toBe(401);
  });

  it('stays shut when its password cannot be opened', async () => {
    await show(face('lost.example.org', { basicAuth: { user: 'ann', password: secret('gone') } }));
    expect((await get('lost.example.org', '/', from('ann', PASSWORD))).status).toBe(503);
  });
});

describe('other rules with the next release', () => {
  it('hold from the switch on, not for what served before', async () => {
    const open = release(face('turn.example.org'));
    const shut = release(face('turn.example.org', login));
    await keep({ workloadId: SHOP, serving: shut, pending: null });
    await serve(0);
    await keep({ workloadId: SHOP, serving: shut, pending: open });
    expect((await get('turn.example.org')).status).toBe(401);
    await serve(1);
    expect((await get('turn.example.org')).body).toBe('b /');
    await keep({ workloadId: SHOP, serving: open, pending: shut });
    expect((await get('turn.example.org')).body).toBe('b /');
    await serve(0);
    expect((await get('turn.example.org')).status).toBe(401);
    expect((await get('turn.example.org', '/', from('ann', PASSWORD))).body).toBe('a /');
  });
});

describe('a face with TLS', () => {
  it('answers on https with a certificate of the internal authority, and leads there from http', async () => {
    await show(face('tls.example.org', { tls: 'auto' }), face('plain.example.org'));
    const moved = await get('tls.example.org', '/a/b?c=d');
    const there = `https://tls.example.org:${proxy.io.httpsPort}/a/b?c=d`;
    expect([moved.status, moved.headers['location']]).toEqual([308, there]);
    const root = await expect
      .poll(() => readFileSync(join(proxy.directory, 'caddy/pki/authorities/local/root.crt'), 'utf8'), {
        timeout: 10_000,
      })
      .toContain('BEGIN')
      .then(() => readFileSync(join(proxy.directory, 'caddy/pki/authorities/local/root.crt'), 'utf8'));
    await expect
      .poll(() => getSecure('tls.example.org', '/a', root).then(({ body }) => body, String), { timeout: 10_000 })
      .toBe('a /a');
    expect(apps[0]!.headers()).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tls.example.org' });
    // Both are on one Caddy; a face without TLS is on http alone.
    expect((await get('plain.example.org')).body).toBe('a /');
    await expect(getSecure('plain.example.org')).rejects.toThrow();
  });

  it('brings its own certificate, keeps it to itself, and loses its listener with its last face', async () => {
    const { chain, key } = selfSigned('own.example.org');
    const ca = chain;
    secrets.set('key', key);
    const own = face('own.example.org', { tls: 'custom', certificate: { chain, key: secret('key') } });
    await show(own, face('own.example.org', { path: '/api', tls: 'auto' }), face('plain.example.org'));
    expect((await getSecure('own.example.org', '/x', ca)).body).toBe('a /x');
    expect((await getSecure('own.example.org', '/api', ca)).body).toBe('a /api');
    expect(await peerCertificate(proxy.io.httpsPort, 'own.example.org')).toMatchObject({
      subject: { CN: 'own.example.org' },
    });
    expect((await get('own.example.org')).status).toBe(308);
    expect(await keep({ workloadId: SHOP, serving: release(own), pending: null })).toBe(true);
    expect(await keep({ workloadId: SHOP, serving: release(own), pending: null })).toBe(false);
    await show(face('plain.example.org'));
    const running = (await proxy.io.admin('GET', '/config/apps')) as Record<string, object>;
    expect(JSON.stringify(running)).not.toContain('PRIVATE KEY');
    expect(Object.keys((running['http'] as { servers: object }).servers)).toEqual(['tinyforge']);
    await expect(getSecure('own.example.org')).rejects.toThrow();
  });
});

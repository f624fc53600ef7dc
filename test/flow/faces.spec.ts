import bcrypt from 'bcryptjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings, SETTINGS_ID } from '#domain/settings';
import { stopCaddy } from '#runtime/caddy-process';
import { on } from '#store/operation';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, removeImage } from '../support/images.js';
import { prepareGround, startEngineRoom, type Ground, type Platform } from '../support/platform.js';
import { peerCertificate } from '../support/secure-face.js';
import { until } from '../support/until.js';
import { createWorkload, finished, requestRelease } from '../support/workloads.js';

const IMAGE = `tf-faces/demo:${Date.now().toString(36)}`;
const CAUSE = { actor: 'system:test', correlationId: 'test' };
let ground: Ground;
let platform: Platform;

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  await buildImage(ground.env['DOCKER_HOST']!, { tag: IMAGE, ...demoImage({ version: 'here' }) });
  platform = await startEngineRoom(ground);
  const changes = { acme: { directory: 'internal' } };
  await platform.parts.store.commit([on(settings, SETTINGS_ID, { type: 'ChangeSettings', changes })], CAUSE);
});
afterAll(async () => {
  await platform?.stop();
  if (ground) await stopCaddy(ground.env['TINYFORGE_DATA_DIR']!);
  await ground?.clear();
  if (ground) await removeImage(ground.env['DOCKER_HOST']!, IMAGE);
});

test('a deploy brings its rules along: login, addresses and TLS from one proxy that found its own ports', async () => {
  const { store, secrets } = platform.parts;
  const { ref, statement } = secrets.seal(await bcrypt.hash('open sesame', 4));
  await store.pool.query(statement.text, [...statement.values]);
  const config = { image: IMAGE, port: 8080, pullPolicy: 'never', drainSeconds: 0, stopTimeoutSeconds: 1 };
  const at = { path: '/', port: null };
  const faces = [
    { ...at, host: 'door.example.org', basicAuth: { user: 'ann', password: ref } },
    { ...at, host: 'inner.example.org', exposure: 'internal', allow: ['203.0.113.0/24'] },
    { ...at, host: 'tls.example.org', tls: 'auto' },
  ] as const;
  const demo = await createWorkload(store, { config, faces });
  const [repository = '', tag = ''] = IMAGE.split(':');
  const artifact = { repository, tag, digest: null as unknown as string };
  const done = await finished(store, await requestRelease(store, demo, artifact));
  expect(done, JSON.stringify(done.failure)).toMatchObject({ status: 'succeeded' });

  const { rows } = await store.pool.query<{ http_port: number; https_port: number }>('select * from state.proxy');
  const [{ http_port: port, https_port: securePort }] = rows as [(typeof rows)[0] & object];
  const get = (host: string, headers = {}) => getFace({ port, host, headers });
  const authorization = `Basic ${btoa('ann:open sesame')}`;
  expect([(await get('door.example.org')).status, (await get('door.example.org', { authorization })).body]).toEqual([
    401,
    expect.stringContaining('here'),
  ]);
  expect((await get('inner.example.org')).status).toBe(403);
  const moved = await get('tls.example.org');
  expect([moved.status, moved.headers['location']]).toEqual([308, `https://tls.example.org:${securePort}/`]);
  const certificate = await until(
    () => peerCertificate(securePort, 'tls.example.org').catch(() => null),
    'a certificate of the internal authority',
  );
  expect(certificate).toMatchObject({ subjectaltname: 'DNS:tls.example.org' });
  const seen = await until(async () => {
    const found = await store.pool.query<{ host: string; issuer: string; expires_at: Date; error: string | null }>(
      'select host, issuer, expires_at, error from state.certificate where error is null',
    );
    return found.rows.length > 0 && found.rows;
  }, 'the certificate to be seen');
  expect(seen).toEqual([
    {
      host: 'tls.example.org',
      issuer: expect.stringContaining('Caddy'),
      expires_at: new Date(certificate.valid_to),
      error: null,
    },
  ]);
}, 120_000);

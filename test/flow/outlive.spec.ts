import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startApps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround } from '../support/platform.js';
import { startRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

const HOST = 'stays.example.org';

test('workloads serve while the platform is gone, and a new start takes them over', async () => {
  const registry = await startRegistry();
  const ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  const image = `${registry.host}/acme/demo`;
  for (const version of ['1.0.0', '1.1.0']) {
    await buildImage(ground.env['DOCKER_HOST']!, { tag: `${image}:${version}`, ...demoImage({ version }) });
    await pushImage(ground.env['DOCKER_HOST']!, `${image}:${version}`);
  }
  const first = await startApps(ground, ['all-in-one']);
  const face = { port: first.ports['proxy']!, host: HOST };
  const before = createClient(`http://127.0.0.1:${first.ports['api']}`, ground.adminToken);
  await before.post('/registries', { name: 'local', host: registry.host, insecure: true });
  const sourceConfig = { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 };
  const { id } = await before.post('/workloads', {
    name: 'stays',
    sourceKind: 'image',
    sourceConfig,
    faces: [{ host: HOST }],
  });
  await deploy(before, id as string, '1.0.0');
  const caddyPid = await readFile(join(ground.env['TINYFORGE_DATA_DIR']!, 'caddy.pid'), 'utf8');

  await first.kill();
  expect((await getFace(face)).body).toContain('1.0.0');

  const second = await startApps(ground, ['all-in-one']);
  try {
    expect(await readFile(join(ground.env['TINYFORGE_DATA_DIR']!, 'caddy.pid'), 'utf8')).toBe(caddyPid);
    expect(second.ports['proxy']).toBe(face.port);
    const after = createClient(`http://127.0.0.1:${second.ports['api']}`, ground.adminToken);
    expect(await after.get(`/workloads/${id}`)).toMatchObject({ state: 'running', currentArtifact: { tag: '1.0.0' } });
    await deploy(after, id as string, '1.1.0');
    expect((await getFace(face)).body).toContain('1.1.0');
  } finally {
    expect(await second.stop()).toEqual([0]);
    await registry.stop();
    await ground.clear();
  }
});

async function deploy(client: Client, workloadId: string, tag: string): Promise<Json> {
  const { id } = await client.post(`/workloads/${workloadId}/deploy`, { tag });
  const ended = await until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, `the deploy of ${tag} to end`);
  expect(ended).toMatchObject({ status: 'succeeded', error: null });
}

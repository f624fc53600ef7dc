import { expect, test } from 'vitest';
import { createClient } from '../support/client.js';
import { prepareGround } from '../support/platform.js';
import { startApps } from '../support/apps.js';
import { tellStory } from '../support/story.js';

test('from a webhook to a running container, all in one process', { timeout: 180_000 }, async () => {
  const ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  const platform = await startApps(ground, ['all-in-one']);
  try {
    const { api, ingress, proxy } = platform.ports;
    const client = createClient(`http://127.0.0.1:${api}`, ground.adminToken);
    await tellStory({
      client,
      ingressUrl: `http://127.0.0.1:${ingress}`,
      proxyPort: proxy!,
      dockerHost: ground.env['DOCKER_HOST']!,
    });
  } finally {
    expect(await platform.stop()).toEqual([0]);
    await ground.clear();
  }
});

test('the same with five processes and Redis between them', { timeout: 240_000 }, async () => {
  const { startRedis } = await import('../support/redis.js');
  const redis = await startRedis();
  const ground = await prepareGround({
    TINYFORGE_PROXY: 'caddy',
    TINYFORGE_HTTP_PORT: '0',
    TINYFORGE_HTTPS_PORT: '0',
    REDIS_URL: redis.url,
  });
  const platform = await startApps(ground, ['api', 'webhook-ingress', 'deploy-worker', 'deploy-worker', 'reconciler']);
  try {
    const { api, ingress, proxy } = platform.ports;
    await tellStory({
      client: createClient(`http://127.0.0.1:${api}`, ground.adminToken),
      ingressUrl: `http://127.0.0.1:${ingress}`,
      proxyPort: proxy!,
      dockerHost: ground.env['DOCKER_HOST']!,
    });
  } finally {
    expect(await platform.stop()).toEqual([0, 0, 0, 0, 0]);
    await redis.stop();
    await ground.clear();
  }
});

import { stat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compose } from '#plugins/sources/compose/compose';
import { startLoad } from '../../support/face-client.js';
import { ComposeStage, health, HEALTHY, SLEEP } from './compose-stage.js';

const stage = new ComposeStage();
beforeAll(() => stage.open());
beforeEach(() => stage.begin());
afterEach(() => stage.end());
afterAll(() => stage.close());

const three = (web: string, worker = 'v1') => `
x-common: &common
  restart: unless-stopped
services:
  web:
    <<: *common
    image: ${stage.registry.host}/acme/web:${web}
    depends_on: [db]
    environment: { GREETING: "$GREETING" }
  worker:
    <<: *common
    image: ${stage.registry.host}/acme/worker:${worker}
    command: ${SLEEP}
    healthcheck: ${HEALTHY}
  db:
    <<: *common
    image: ${stage.registry.host}/acme/db:v1
    command: ${SLEEP}
    healthcheck: ${HEALTHY}
    volumes: [data:/data]
volumes:
  data:
`;
const env = { GREETING: `it's "$HOME" & $(id)` };

describe('a project of three services on a real engine', { timeout: 120_000 }, () => {
  beforeEach(async () => {
    for (const name of ['web', 'worker', 'db']) await stage.push(name, 'v1');
  });

  it('comes up with our labels and its variables, is replaced without a failed request, and goes', async () => {
    const first = stage.release(three('v1'), {}, { env });
    const { facts, served: before } = await stage.deploy(first);
    expect(await stage.served()).toContain('web v1');
    const old = await stage.containers();
    expect(Object.keys(old).sort()).toEqual(['db', 'web', 'worker']);
    for (const { labels } of Object.values(old)) {
      expect(labels).toMatchObject({
        'tinyforge.workload.id': stage.workloadId,
        'tinyforge.kind': 'compose',
        'tinyforge.deployment.id': first.deploymentId,
        'tinyforge.installation': 'here',
      });
    }
    expect(compose.observe(first, { containers: Object.values(old) }).state).toBe('running');
    expect(Object.values(before.artifact.images).every((pin) => /@sha256:[0-9a-f]{64}$/.test(pin))).toBe(true);
    expect(JSON.stringify(facts)).not.toContain('$(id)');
    const file = await stat(join(stage.directory, 'compose.json'));

    await stage.push('web', 'v2');
    const second = stage.release(three('v2'), {}, { env });
    const plan = compose.plan(second, before);
    expect(plan.downtime.class).toBe('none');
    const load = startLoad({ port: stage.proxy.io.httpPort, host: stage.host }, 4);
    const { served: serving } = await stage.deploy(second, before);
    const { failures, bodies } = await load.end();
    expect(failures).toEqual([]);
    expect([...bodies].map((text) => text.slice(0, 6)).sort()).toEqual(['web v1', 'web v2']);
    const now = await stage.containers();
    expect([now['db']!.id, now['worker']!.id]).toEqual([old['db']!.id, old['worker']!.id]);
    expect(now['web']!.id).not.toBe(old['web']!.id);

    const again = await stat(join(stage.directory, 'compose.json'));
    expect(again.ino).not.toBe(file.ino);
    await stage.deploy({ ...second, deploymentId: randomUUID() }, serving);
    const kept = await stat(join(stage.directory, 'compose.json'));
    expect([kept.ino, kept.mtimeMs]).toEqual([again.ino, again.mtimeMs]);

    await stage.teardown();
    expect(await stage.containers()).toEqual({});
    expect(await stage.docker.listNetworks([`tinyforge.workload.id=${stage.workloadId}`])).toEqual([]);
    expect(await readdir(stage.root)).not.toContain(stage.workloadId);
    expect(await stage.docker.inspectVolume(`${stage.project}_data`)).not.toBeNull();
  });

  it('whose new version never gets healthy leaves the old one serving, and brings back what it replaced', async () => {
    const { served: before } = await stage.deploy(stage.release(three('v1'), {}, { env }));
    const old = await stage.containers();
    await stage.push('web', 'bad', 'exits');
    await stage.push('worker', 'v2');
    const bad = stage.release(three('bad', 'v2'), { healthcheck: health(3) }, { env });
    expect(compose.plan(bad, before).downtime.class).toBe('routed-only');
    await expect(stage.deploy(bad, before)).rejects.toMatchObject({ name: 'TerminalError' });
    expect(await stage.served()).toContain('web v1');
    const now = await stage.containers();
    expect(now['web']!.id).toBe(old['web']!.id);
    expect(now['db']!.id).toBe(old['db']!.id);
    expect(now['worker']!.imageId).toBe(old['worker']!.imageId);
    expect(now['worker']!.labels['tinyforge.deployment.id']).toBe(before.deploymentId);
  });
});

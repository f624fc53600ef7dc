import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { ContainerSummary, Docker } from '#docker/docker';
import { DEFAULT_SETTINGS } from '#domain/settings';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { layoutOf, routesOf } from '#plugins/routing/port-groups';
import type { Facts, Release, StepIo } from '#plugins/source';
import { compose } from '#plugins/sources/compose/compose';
import { ComposeConfig } from '#plugins/sources/compose/config.dto';
import { createHttp } from '#runtime/http';
import { createEmptyRoute, currentRoute, routeDirectory, switchRoute } from '#runtime/route-files';
import { createComposeCli, type ComposeCli } from '../../../apps/deploy-worker/src/compose-cli.js';
import { probe } from '../../../apps/deploy-worker/src/probe.js';
import { createVolumes } from '../../../apps/deploy-worker/src/volumes/prepare.js';
import { freePort, startCaddy, type TestCaddy } from '../../support/caddy.js';
import { ensureEngine } from '../../support/engine.js';
import { startLoad } from '../../support/face-client.js';
import { runPlan } from '../../support/fake-step-io.js';
import { buildImage, demoImage, pushImage, removeImage, type DemoMode } from '../../support/images.js';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';
import { stepSurroundings } from '../../support/step-surroundings.js';

const FACE = { host: 'shop.example.org', path: '/', port: null };
const SLEEP = "['sh', '-c', 'trap \"exit 0\" TERM; sleep 1000 & wait']";

let engine: string;
let docker: Docker;
let registry: RunningRegistry;
let proxy: TestCaddy;
let cli: ComposeCli;
let root: string;
let lines: string[];
let workloadId: string;
let epoch = 0;
const http = createHttp();
const built = new Set<string>();
const ports = new Map<string, Promise<number>>();

beforeAll(async () => {
  engine = await ensureEngine();
  docker = createDocker({ host: engine });
  registry = await startRegistry();
  proxy = await startCaddy();
  cli = createComposeCli(engine);
  root = await mkdtemp(join(tmpdir(), 'tf-compose-'));
});
beforeEach(async () => {
  workloadId = randomUUID();
  lines = [];
  await createEmptyRoute(routeDirectory(proxy.io.routesDirectory, workloadId));
  const serving = layoutOf([FACE], { port: 8080, instances: 1 });
  await caddy.apply(caddy.render(routesOf({ workloadId, serving, pending: null }, null), proxy.io), proxy.io);
});
afterEach(async () => {
  for (const step of compose.teardown({ workloadId, workloadName: 'shop' })) await step.run(stepIo(), {});
});
afterAll(async () => {
  for (const name of built) await removeImage(engine, name);
  await rm(root, { recursive: true, force: true });
  await proxy?.stop();
  await registry?.stop();
  await http.stop();
});

/** In the registry, and on the host. */
async function push(name: string, version: string, mode: DemoMode = 'ok'): Promise<string> {
  const tag = `${registry.host}/acme/${name}:${version}`;
  await buildImage(engine, { tag, ...demoImage({ version: `${name} ${version} ${randomUUID()}`, mode }) });
  const digest = await pushImage(engine, tag);
  built.add(tag);
  return digest;
}

function release(
  yaml: string,
  config: Partial<ComposeConfig> = {},
  more: Partial<Release> = {},
): Release<ComposeConfig> {
  const own = { routedService: 'web', port: 8080, healthcheck: { ...health(), path: '/' } };
  const timing = { drainSeconds: 0, stopTimeoutSeconds: 2, deadlineSeconds: 60 };
  const whole = Object.assign(new ComposeConfig(), { yaml, ...own, ...timing, ...config });
  const ref = compose.reference({}, whole);
  if ('skip' in ref) throw new Error(ref.reason);
  const { repository, tag, digest } = ref;
  const artifact = { kind: 'compose', repository, tag, digest };
  const identity = { workloadId, workloadName: 'shop', deploymentId: randomUUID() };
  return { ...identity, artifact, config: whole, faces: [FACE], env: {}, ...more } as Release<ComposeConfig>;
}

const health = () => ({ intervalSeconds: 1, timeoutSeconds: 5, deadlineSeconds: 20, minHealthySeconds: 0 });

function stepIo(more: Partial<StepIo> = {}): StepIo {
  const directory = routeDirectory(proxy.io.routesDirectory, workloadId);
  const signal = AbortSignal.timeout(90_000);
  return {
    ...stepSurroundings().io,
    docker,
    http,
    epoch: (epoch += 1),
    installation: 'here',
    signal,
    compose: cli.of(join(root, workloadId), signal),
    registry: async (host) => ({ host, insecure: true, credential: null }),
    port: (name, port) => {
      const key = `${name} ${port}`;
      const known = ports.get(key) ?? freePort();
      ports.set(key, known);
      return known;
    },
    refusePorts: async (name) => forget(name),
    releasePorts: async (name) => forget(name),
    networks: { join: async (name) => name, tidy: async () => {} },
    probe,
    route: {
      current: async () => (await currentRoute(directory))?.ports ?? null,
      ready: async () => {},
      switchTo: async (to) =>
        void (await switchRoute({ directory, from: (await currentRoute(directory))!, epoch, ports: to })),
    },
    volumes: createVolumes({
      docker,
      installation: 'here',
      signal,
      settings: async () => ({ ...DEFAULT_SETTINGS, allowedVolumePaths: [join(root, 'allowed')] }),
      protectedPaths: ['/var/run/docker.sock'],
    }),
    logged: async () => ({ stdout: 0, stderr: 0 }),
    log: (line) => void lines.push(line),
    clock: { now: () => Date.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    ...more,
  };
}

function forget(name: string): void {
  for (const key of ports.keys()) if (key.startsWith(`${name} `)) ports.delete(key);
}

/** As its deployment recorded it: what it pinned is part of it from then on. */
async function deploy(to: Release<ComposeConfig>, from: Release<ComposeConfig> | null = null, io = stepIo()) {
  const facts: Facts = await runPlan(io, compose.plan(to, from));
  const images = facts['images'] as Record<string, string>;
  return { facts, served: { ...to, artifact: { ...to.artifact, images } } };
}

async function containers(): Promise<Record<string, ContainerSummary>> {
  const found = await docker.listContainers([`tinyforge.workload.id=${workloadId}`]);
  return Object.fromEntries(found.map((each) => [each.labels['com.docker.compose.service']!, each]));
}

const served = () => get(proxy.io.httpPort);
function get(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', headers: { host: FACE.host } }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve(text));
    });
    call.on('error', reject).end();
  });
}

const three = (web: string, worker = 'v1', more = '') => `
x-common: &common
  restart: unless-stopped
services:
  web:
    <<: *common
    image: ${registry.host}/acme/web:${web}
    depends_on: [db]
    environment: { GREETING: "$GREETING" }
  worker:
    <<: *common
    image: ${registry.host}/acme/worker:${worker}
    command: ${SLEEP}
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  db:
    <<: *common
    image: ${registry.host}/acme/db:v1
    command: ${SLEEP}
    healthcheck: { test: ["CMD", "true"], interval: 1s }
    volumes: [data:/data]${more}
volumes:
  data:
`;
const env = { GREETING: `it's "$HOME" & $(id)` };

describe('a project of three services on a real engine', { timeout: 120_000 }, () => {
  beforeEach(async () => {
    for (const name of ['web', 'worker', 'db']) await push(name, 'v1');
  });

  it('comes up with our labels and its variables, is replaced without a failed request, and goes', async () => {
    const first = release(three('v1'), {}, { env });
    const { facts, served: before } = await deploy(first);
    expect(await served()).toContain('web v1');
    const old = await containers();
    expect(Object.keys(old).sort()).toEqual(['db', 'web', 'worker']);
    for (const { labels } of Object.values(old)) {
      expect(labels).toMatchObject({
        'tinyforge.workload.id': workloadId,
        'tinyforge.kind': 'compose',
        'tinyforge.deployment.id': first.deploymentId,
        'tinyforge.installation': 'here',
      });
    }
    expect(compose.observe(first, { containers: Object.values(old) }).state).toBe('running');
    expect(Object.values(before.artifact.images).every((pin) => /@sha256:[0-9a-f]{64}$/.test(pin))).toBe(true);
    expect(JSON.stringify(facts)).not.toContain('$(id)');
    const file = await stat(join(root, workloadId, 'compose.json'));

    await push('web', 'v2');
    const second = release(three('v2'), {}, { env });
    const plan = compose.plan(second, before);
    expect(plan.downtime.class).toBe('none');
    const load = startLoad({ port: proxy.io.httpPort, host: FACE.host }, 4);
    const { served: serving } = await deploy(second, before);
    const { failures, bodies } = await load.end();
    expect(failures).toEqual([]);
    expect([...bodies].map((text) => text.slice(0, 6)).sort()).toEqual(['web v1', 'web v2']);
    const now = await containers();
    expect([now['db']!.id, now['worker']!.id]).toEqual([old['db']!.id, old['worker']!.id]);
    expect(now['web']!.id).not.toBe(old['web']!.id);

    const again = await stat(join(root, workloadId, 'compose.json'));
    expect(again.ino).not.toBe(file.ino);
    await deploy({ ...second, deploymentId: randomUUID() }, serving);
    const kept = await stat(join(root, workloadId, 'compose.json'));
    expect([kept.ino, kept.mtimeMs]).toEqual([again.ino, again.mtimeMs]);

    for (const step of compose.teardown({ workloadId, workloadName: 'shop' })) await step.run(stepIo(), {});
    expect(await containers()).toEqual({});
    expect(await docker.listNetworks([`tinyforge.workload.id=${workloadId}`])).toEqual([]);
    expect(await readdir(root)).not.toContain(workloadId);
    expect(await docker.inspectVolume(`shop-${workloadId.slice(-8)}_data`)).not.toBeNull();
    await docker.removeVolume(`shop-${workloadId.slice(-8)}_data`);
  });

  it('whose new version never gets healthy leaves the old one serving, and brings back what it replaced', async () => {
    const { served: before } = await deploy(release(three('v1'), {}, { env }));
    const old = await containers();
    await push('web', 'bad', 'exits');
    await push('worker', 'v2');
    const bad = release(three('bad', 'v2'), { healthcheck: { ...health(), deadlineSeconds: 3, path: '/' } }, { env });
    expect(compose.plan(bad, before).downtime.class).toBe('routed-only');
    await expect(deploy(bad, before)).rejects.toMatchObject({ name: 'TerminalError' });
    expect(await served()).toContain('web v1');
    const now = await containers();
    expect(now['web']!.id).toBe(old['web']!.id);
    expect(now['db']!.id).toBe(old['db']!.id);
    expect(now['worker']!.imageId).toBe(old['worker']!.imageId);
    expect(now['worker']!.labels['tinyforge.deployment.id']).toBe(before.deploymentId);
    await docker.removeContainer(now['db']!.id);
    await docker.removeVolume(`shop-${workloadId.slice(-8)}_data`);
  });
});

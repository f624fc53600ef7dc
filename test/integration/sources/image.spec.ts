import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { layoutOf, routesOf } from '#plugins/routing/port-groups';
import type { Facts, Release, StepIo } from '#plugins/source';
import { sample, type ImageConfig } from '#plugins/sources/image/config.dto';
import { image } from '#plugins/sources/image/image';
import { createHttp } from '#runtime/http';
import { createEmptyRoute, currentRoute, routeDirectory, switchRoute } from '#runtime/route-files';
import { probe } from '../../../apps/deploy-worker/src/probe.js';
import { freePort, startCaddy, type TestCaddy } from '../../support/caddy.js';
import { ensureEngine } from '../../support/engine.js';
import { startLoad } from '../../support/face-client.js';
import { runPlan } from '../../support/fake-step-io.js';
import { buildImage, demoImage, pushImage, removeImage, type DemoMode } from '../../support/images.js';
import { stepSurroundings } from '../../support/step-surroundings.js';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';

const FACE = { host: 'shop.example.org', path: '/', port: null };
const credential = { username: 'ann', password: 'pass word' };

let engine: string;
let docker: Docker;
let registry: RunningRegistry;
let proxy: TestCaddy;
let lines: string[];
const http = createHttp();
const pushed: string[] = [];
const workloadId = randomUUID();
let epoch = 0;

beforeAll(async () => {
  engine = await ensureEngine();
  docker = createDocker({ host: engine });
  registry = await startRegistry({ auth: credential });
  proxy = await startCaddy();
  await createEmptyRoute(routeDirectory(proxy.io.routesDirectory, workloadId));
  const serving = layoutOf([FACE], { port: 8080, instances: 1 });
  await caddy.apply(caddy.render(routesOf({ workloadId, serving, pending: null }, null), proxy.io), proxy.io);
});
afterEach(async () => {
  for (const step of image.teardown({ workloadId, workloadName: 'shop' })) await step.run(stepIo(), {});
});
afterAll(async () => {
  for (const name of pushed) await removeImage(engine, name);
  await proxy?.stop();
  await registry?.stop();
  await http.stop();
});

/** Pushed and gone from the host again, as another machine would have built it. Resolves to its release. */
async function push(
  tag: string,
  mode: DemoMode = 'ok',
  config: Partial<ImageConfig> = {},
): Promise<Release<ImageConfig>> {
  const name = `${registry.host}/acme/shop:${tag}`;
  await buildImage(engine, { tag: name, ...demoImage({ version: `${tag} ${randomUUID()}`, mode }) });
  await pushImage(engine, name, credential);
  await removeImage(engine, name);
  const whole = { ...sample, image: `${registry.host}/acme/shop`, stopTimeoutSeconds: 5, drainSeconds: 1, ...config };
  const ref = image.reference({ image: { tag } }, whole);
  if ('skip' in ref) throw new Error(ref.reason);
  const artifact = await image.resolve(ref, stepIo());
  pushed.push(`${artifact.repository}@${artifact.digest}`);
  return {
    workloadId,
    workloadName: 'shop',
    deploymentId: randomUUID(),
    artifact,
    config: whole,
    faces: [FACE],
    env: {},
  };
}

function stepIo(): StepIo {
  const directory = routeDirectory(proxy.io.routesDirectory, workloadId);
  lines = [];
  return {
    docker,
    http,
    epoch: (epoch += 1),
    installation: 'here',
    signal: AbortSignal.timeout(60_000),
    registry: async (host) => ({ host, insecure: true, credential: host === registry.host ? credential : null }),
    port: (name, port) => portOf(`${name} ${port}`),
    refusePorts: async () => undefined,
    releasePorts: async (name) => {
      for (const key of ports.keys()) if (key.startsWith(`${name} `)) ports.delete(key);
    },
    networks: { join: async (name) => name, tidy: async () => {} },
    probe,
    route: {
      current: async () => (await currentRoute(directory))?.ports ?? null,
      ready: async () => {},
      switchTo: async (to) =>
        void (await switchRoute({ directory, from: (await currentRoute(directory))!, epoch, ports: to })),
    },
    volumes: { prepare: async () => [] },
    ...stepSurroundings().io,
    logged: async () => ({ stdout: 0, stderr: 0 }),
    log: (line) => void lines.push(line),
    clock: { now: () => Date.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
  };
}

const ports = new Map<string, Promise<number>>();
function portOf(key: string): Promise<number> {
  const port = ports.get(key) ?? freePort();
  ports.set(key, port);
  return port;
}

const deploy = (to: Release<ImageConfig>, from: Release<ImageConfig> | null = null): Promise<Facts> =>
  runPlan(stepIo(), image.plan(to, from));

async function runningDeployments(): Promise<readonly (string | undefined)[]> {
  const found = await docker.listContainers([`tinyforge.workload.id=${workloadId}`]);
  return found.map(({ labels }) => labels['tinyforge.deployment.id']);
}

describe('an image on a real engine', () => {
  it('comes from a registry with a password, and is replaced without a failed request', async () => {
    const first = await push('v1');
    expect(first.artifact.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    await deploy(first);
    const second = await push('v2');
    const load = startLoad({ port: proxy.io.httpPort, host: FACE.host }, 8);
    await deploy(second, first);
    const { requests, failures, bodies } = await load.end();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(50);
    expect([...bodies].map((body) => body.slice(0, 2)).sort()).toEqual(['v1', 'v2']);
    expect(await runningDeployments()).toEqual([second.deploymentId]);
    const snapshot = { containers: [(await docker.inspectContainer((await containersNow())[0]!.id))!] };
    expect(image.observe(second, snapshot)).toEqual({ state: 'running', detail: '1 of 1 running' });
  });

  it.each<[DemoMode, string]>([
    ['exits', 'container-exited'],
    ['unhealthy', 'not-healthy'],
  ])('that %s leaves the old one serving', async (mode, code) => {
    const first = await push('v1');
    await deploy(first);
    const bad = await push(mode, mode, { healthcheck: { ...sample.healthcheck!, deadlineSeconds: 2 } });
    const load = startLoad({ port: proxy.io.httpPort, host: FACE.host }, 4);
    await expect(deploy(bad, first)).rejects.toMatchObject({ name: 'TerminalError', code });
    const { failures, bodies } = await load.end();
    expect([failures, [...bodies].map((body) => body.slice(0, 2))]).toEqual([[], ['v1']]);
    expect(await runningDeployments()).toEqual([first.deploymentId]);
    if (mode === 'exits') expect(lines.join('\n')).toContain('gives up');
  });

  it('is not pulled again where it is on the host', async () => {
    const first = await push('v1');
    await deploy(first);
    const again = { ...first, deploymentId: randomUUID() };
    await deploy(again, first);
    expect(lines.find((line) => line.startsWith('On the host'))).toContain(first.artifact.digest);
  });

  it('that no registry has is no-such-tag, and without the password registry-denied', async () => {
    const config = { ...sample, image: `${registry.host}/acme/shop` };
    const ref = image.reference({ image: { tag: 'never-pushed' } }, config);
    if ('skip' in ref) throw new Error(ref.reason);
    await expect(image.resolve(ref, stepIo())).rejects.toMatchObject({ code: 'no-such-tag' });
    const anonymous = { ...stepIo(), registry: async (host: string) => ({ host, insecure: true, credential: null }) };
    await expect(image.resolve(ref, anonymous)).rejects.toMatchObject({ code: 'registry-denied' });
  });
});

function containersNow() {
  return docker.listContainers([`tinyforge.workload.id=${workloadId}`]);
}

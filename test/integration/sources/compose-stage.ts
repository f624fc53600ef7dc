import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDocker } from '#docker/connect';
import type { ContainerSummary, Docker } from '#docker/docker';
import { id8 } from '#domain/naming';
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
import { runPlan } from '../../support/fake-step-io.js';
import { buildImage, demoImage, pushImage, removeImage, type DemoMode } from '../../support/images.js';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';
import { stepSurroundings } from '../../support/step-surroundings.js';

const FACE = { host: 'shop.example.org', path: '/', port: null };
export const SLEEP = "['sh', '-c', 'trap \"exit 0\" TERM; sleep 1000 & wait']";
export const HEALTHY = '{ test: ["CMD", "true"], interval: 1s }';
export const health = (deadlineSeconds = 20) => ({
  intervalSeconds: 1,
  timeoutSeconds: 5,
  deadlineSeconds,
  minHealthySeconds: 0,
  path: '/',
});

/** The real CLI, engine, registry and proxy, and one workload at a time. */
export class ComposeStage {
  engine!: string;
  docker!: Docker;
  registry!: RunningRegistry;
  proxy!: TestCaddy;
  cli!: ComposeCli;
  root!: string;
  lines: string[] = [];
  workloadId = '';
  readonly host = FACE.host;
  readonly #http = createHttp();
  readonly #built = new Set<string>();
  readonly #ports = new Map<string, Promise<number>>();
  #epoch = 0;

  async open(): Promise<void> {
    this.engine = await ensureEngine();
    this.docker = createDocker({ host: this.engine });
    this.registry = await startRegistry();
    this.proxy = await startCaddy();
    this.cli = createComposeCli(this.engine);
    this.root = await mkdtemp(join(tmpdir(), 'tf-compose-'));
  }

  async begin(instances = 1): Promise<void> {
    this.workloadId = randomUUID();
    this.lines = [];
    const { workloadId, proxy } = this;
    await createEmptyRoute(routeDirectory(proxy.io.routesDirectory, workloadId));
    const serving = layoutOf([FACE], { port: 8080, instances });
    await caddy.apply(caddy.render(routesOf({ workloadId, serving, pending: null }, null), proxy.io), proxy.io);
  }

  async end(): Promise<void> {
    await this.teardown();
    await this.docker.removeVolume(`${this.project}_data`);
  }

  async close(): Promise<void> {
    for (const name of this.#built) await removeImage(this.engine, name);
    await rm(this.root, { recursive: true, force: true });
    await this.proxy?.stop();
    await this.registry?.stop();
    await this.#http.stop();
  }

  get project(): string {
    return `shop-${id8(this.workloadId)}`;
  }

  get directory(): string {
    return join(this.root, this.workloadId);
  }

  /** In the registry, and on the host. */
  async push(name: string, version: string, mode: DemoMode = 'ok'): Promise<string> {
    const tag = `${this.registry.host}/acme/${name}:${version}`;
    await this.build(tag, `${name} ${version} ${randomUUID()}`, mode);
    return pushImage(this.engine, tag);
  }

  async build(tag: string, version: string, mode: DemoMode = 'ok'): Promise<string> {
    this.#built.add(tag);
    return buildImage(this.engine, { tag, ...demoImage({ version, mode }) });
  }

  release(yaml: string, config: Partial<ComposeConfig> = {}, more: object = {}): Release<ComposeConfig> {
    const own = { routedService: 'web', port: 8080, healthcheck: health() };
    const timing = { drainSeconds: 0, stopTimeoutSeconds: 2, deadlineSeconds: 60 };
    const whole = Object.assign(new ComposeConfig(), { yaml, ...own, ...timing, ...config });
    const ref = compose.reference({}, whole);
    if ('skip' in ref) throw new Error(ref.reason);
    const { repository, tag, digest } = ref;
    const artifact = { kind: 'compose', repository, tag, digest };
    const { workloadId } = this;
    const identity = { workloadId, workloadName: 'shop', deploymentId: randomUUID() };
    return { ...identity, artifact, config: whole, faces: [FACE], env: {}, ...more };
  }

  stepIo(): StepIo {
    const directory = routeDirectory(this.proxy.io.routesDirectory, this.workloadId);
    const signal = AbortSignal.timeout(90_000);
    const epoch = (this.#epoch += 1);
    const { docker, root } = this;
    return {
      ...stepSurroundings().io,
      docker,
      http: this.#http,
      epoch,
      installation: 'here',
      signal,
      compose: this.cli.of(this.directory, signal),
      registry: async (host) => ({ host, insecure: true, credential: null }),
      port: (name, port) => this.#port(`${name} ${port}`),
      refusePorts: async (name) => this.#forget(name),
      releasePorts: async (name) => this.#forget(name),
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
      log: (line) => void this.lines.push(line),
      clock: { now: () => Date.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    };
  }

  /** As its deployment recorded it: what it pinned is part of it from then on. */
  async deploy(to: Release<ComposeConfig>, from: Release<ComposeConfig> | null = null) {
    const facts: Facts = await runPlan(this.stepIo(), compose.plan(to, from));
    const images = facts['images'] as Record<string, string>;
    return { facts, served: { ...to, artifact: { ...to.artifact, images } } };
  }

  async teardown(): Promise<void> {
    const { workloadId } = this;
    for (const step of compose.teardown({ workloadId, workloadName: 'shop' })) await step.run(this.stepIo(), {});
  }

  /** By service; the last one made of each. */
  async containers(): Promise<Record<string, ContainerSummary>> {
    const found = await this.all();
    return Object.fromEntries(found.map((each) => [each.labels['com.docker.compose.service']!, each]));
  }

  all(): Promise<readonly ContainerSummary[]> {
    return this.docker.listContainers([`tinyforge.workload.id=${this.workloadId}`]);
  }

  served(): Promise<string> {
    return new Promise((resolve, reject) => {
      const { httpPort: port } = this.proxy.io;
      const call = request({ port, host: '127.0.0.1', headers: { host: FACE.host } }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve(text));
      });
      call.on('error', reject).end();
    });
  }

  #port(key: string): Promise<number> {
    const known = this.#ports.get(key) ?? freePort();
    this.#ports.set(key, known);
    return known;
  }

  #forget(name: string): void {
    for (const key of this.#ports.keys()) if (key.startsWith(`${name} `)) this.#ports.delete(key);
  }
}

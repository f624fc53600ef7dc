import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes, randomUUID } from 'node:crypto';
import { stopCaddy } from '#runtime/caddy-process';
import { createStore, type Store } from '#store/store';
import { createDatabase } from '../postgres.js';
import { startCluster, type Cluster } from '../cluster.js';
import { freePort } from '../caddy.js';
import type { Json } from '../client.js';
import { startRedis, type RunningRedis } from '../redis.js';
import { startApp } from '../worker-process.js';
import { until } from '../until.js';
import { Deliveries } from './deliveries.js';
import { Failpoints } from './failpoints.js';
import { Follower } from './follower.js';
import { prepareImages, type Images } from './images.js';
import { Link } from './link.js';
import { PlatformApi } from './platform-api.js';
import { startPrivateEngine, type PrivateEngine } from './private-engine.js';
import { Probe } from './probe.js';
import { Processes, ROLES, type Role } from './processes.js';
import { startRegistryFront, type RegistryFront } from './registry-front.js';
import { SecretWatch, SECRETS } from './secret-watch.js';

/** What stands between one process and its dependencies. */
export interface Links {
  readonly postgres: Link;
  readonly redis: Link;
  readonly docker: Link;
}

export interface WorldWorkload {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  /** It serves since its first deployment. */
  isServing: boolean;
}

/** What it has besides what all have. */
export interface NewWorkload {
  readonly sourceConfig?: object;
  readonly policy?: object;
  readonly volumes?: readonly object[];
}

/** The platform as five processes between links that can be cut, with everything they depend on, all of it real. */
export interface World {
  readonly folder: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly cluster: Cluster;
  readonly redis: RunningRedis;
  readonly engine: PrivateEngine;
  readonly registry: RegistryFront;
  readonly images: Images;
  readonly links: Readonly<Record<Role, Links>>;
  readonly processes: Processes;
  readonly failpoints: Failpoints;
  readonly api: PlatformApi;
  readonly deliveries: Deliveries;
  readonly follower: Follower;
  readonly probe: Probe;
  readonly secrets: SecretWatch;
  /** For looking only; past every link. */
  readonly store: Store;
  readonly portRange: { readonly first: number; readonly last: number };
  readonly proxyPort: number;
  readonly workloads: readonly WorldWorkload[];
  /** Bound to the trigger that the deliveries go to. */
  readonly bound: readonly WorldWorkload[];
  createWorkload(name: string, more?: NewWorkload): Promise<WorldWorkload>;
  /** Once nothing is left of it but its history. */
  removeWorkload(workload: WorldWorkload): Promise<void>;
  /** Resolves to the deployment's id once it is accepted. */
  deploy(workload: WorldWorkload, tag: string): Promise<string>;
  /** Once it has ended, to what it was. */
  ended(deploymentId: string, deadlineMs?: number): Promise<Json>;
  heal(): void;
  close(): Promise<void>;
}

const FREE = 6;
const BOUND = 2;
export const LEASE_MS = 2_000;

export async function openWorld(): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    const failures: unknown[] = [];
    // One that cannot be closed keeps none of the others open.
    while (closers.length > 0) await closers.pop()!().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    return await build(closers, close);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function build(closers: (() => Promise<unknown>)[], close: () => Promise<void>): Promise<World> {
  const keep = async <T>(opening: Promise<T>, end: (opened: T) => Promise<unknown>): Promise<T> => {
    const opened = await opening;
    closers.push(() => end(opened));
    return opened;
  };
  const folder = await keep(mkdtemp('/tmp/tf-world-'), (path) => rm(path, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const cluster = await keep(startCluster(), (each) => each.stop());
  const redis = await keep(startRedis(), (each) => each.stop());
  const engine = await keep(startPrivateEngine(), (each) => each.stop());
  const registry = await keep(startRegistryFront(), (each) => each.stop());
  const database = await createDatabase({ migrated: false, clusterUrl: cluster.url('postgres') });
  const links = await keep(openLinks(folder, { cluster, redis, engine }), closeLinks);
  const failpoints = new Failpoints(join(folder, 'failpoints'));
  const settings = await chooseSettings(dataDir);
  const envOf = (role: Role) => ({
    ...settings.env,
    DATABASE_URL: through(database.url, join(folder, role)),
    REDIS_URL: `redis://127.0.0.1:${links[role].redis.port}`,
    DOCKER_HOST: `unix://${join(folder, role, 'docker.sock')}`,
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    FP: failpoints.setting,
  });
  const admin = startApp('admin', { ...envOf('api'), DATABASE_URL: database.url }, ['migrate']);
  if ((await admin.ended) !== 0) throw new Error(`admin migrate: ${admin.output()}`);
  const secrets = new SecretWatch();
  const processes = new Processes(envOf, (role, text) => secrets.look(`output of ${role}`, text));
  closers.push(() => stopCaddy(dataDir));
  closers.push(() => processes.stop());
  await processes.startAll();
  const store = createStore({ databaseUrl: database.url, applicationName: 'test' });
  closers.push(() => store.close());
  const api = new PlatformApi(settings.apiUrl, settings.adminToken);
  const images = await prepareImages(engine.host, registry.host);
  const probe = new Probe(() => settings.proxyPort);
  const follower = new Follower(settings.apiUrl, settings.adminToken);
  const deliveries = new Deliveries(settings.ingressUrl, registry, images);
  closers.push(async () => (probe.stop(), follower.stop()));
  const world: World = {
    ...{ folder, dataDir, databaseUrl: database.url, cluster, redis, engine, registry, images, links, processes },
    ...{ failpoints, api, probe, secrets, store, follower, deliveries, workloads: [], bound: [] },
    portRange: settings.portRange,
    proxyPort: settings.proxyPort,
    createWorkload: (name, more) => createWorkload(world, name, more),
    removeWorkload: (workload) => removeWorkload(world, workload),
    deploy: async ({ id }, tag) =>
      (await api.must({ method: 'POST', path: `/workloads/${id}/deploy`, body: { tag } })).id as string,
    ended: (id, deadlineMs = 60_000) => ended(world, id, deadlineMs),
    heal: () => heal(world),
    async close() {
      heal(world);
      await close();
    },
  };
  await populate(world);
  return world;
}

async function chooseSettings(dataDir: string) {
  const [apiPort, ingressPort, proxyPort, httpsPort] = await Promise.all([1, 2, 3, 4].map(() => freePort()));
  const adminToken = randomBytes(24).toString('hex');
  const first = 20_000 + Math.floor(Math.random() * 90) * 100;
  const portRange = { first, last: first + 99 };
  const env = {
    TINYFORGE_DATA_DIR: dataDir,
    TINYFORGE_API_PORT: String(apiPort),
    TINYFORGE_INGRESS_PORT: String(ingressPort),
    TINYFORGE_PROXY: 'caddy',
    TINYFORGE_HTTP_PORT: String(proxyPort),
    TINYFORGE_HTTPS_PORT: String(httpsPort),
    TINYFORGE_ADMIN_TOKEN: adminToken,
    TINYFORGE_LEASE_MS: String(LEASE_MS),
    // What is left over stays for twenty looks.
    TINYFORGE_OBSERVE_MS: '500',
    TINYFORGE_PORT_RANGE: `${portRange.first}-${portRange.last}`,
    LOG_LEVEL: 'debug',
  };
  const [apiUrl, ingressUrl] = [apiPort, ingressPort].map((port) => `http://127.0.0.1:${port}`);
  return { env, adminToken, portRange, proxyPort: proxyPort!, apiUrl: apiUrl!, ingressUrl: ingressUrl! };
}

function heal({ links, registry, failpoints, processes }: World): void {
  for (const each of Object.values(links)) for (const link of Object.values(each) as Link[]) link.heal();
  registry.interfere = null;
  registry.truncateBlobsAt = null;
  failpoints.clear();
  for (const role of ROLES) processes.wake(role);
}

async function closeLinks(links: Readonly<Record<Role, Links>>): Promise<void> {
  for (const each of Object.values(links)) for (const link of Object.values(each) as Link[]) await link.close();
}

async function populate(world: World): Promise<void> {
  const local = { name: 'local', host: world.registry.host, insecure: true };
  const planted = { name: 'planted', host: 'planted.test', username: 'u', password: SECRETS.registry };
  for (const body of [local, planted]) await world.api.must({ method: 'POST', path: '/registries', body });
  const names = Array.from({ length: FREE }, (_, index) => `w${index}`);
  (world.workloads as WorldWorkload[]).push(...(await Promise.all(names.map((name) => world.createWorkload(name)))));
  const boundNames = Array.from({ length: BOUND }, (_, index) => `b${index}`);
  const sourceConfig = { image: world.images.pushed };
  const bound = await Promise.all(boundNames.map((name) => world.createWorkload(name, { sourceConfig })));
  (world.bound as WorldWorkload[]).push(...bound);
  await world.deliveries.bind(world.api, bound);
  for (const each of [...world.workloads, ...bound]) {
    const deployment = await world.ended(await world.deploy(each, each.name.startsWith('b') ? '0.0.1' : 'a'));
    if (deployment.status !== 'succeeded')
      throw new Error(`${each.name}: ${JSON.stringify(deployment.error)}\n${world.processes.tail}`);
    each.isServing = true;
    world.probe.watch(each.host);
  }
  world.follower.start();
}

async function createWorkload(world: World, name: string, more: NewWorkload = {}): Promise<WorldWorkload> {
  world.probe.expectReload();
  const host = `${name}-${randomUUID().slice(0, 8)}.fault.test`;
  const sourceConfig = {
    image: world.images.repository,
    port: 8080,
    healthcheck: { path: '/', deadlineSeconds: 3 },
    drainSeconds: 1,
    stopTimeoutSeconds: 1,
    ...more.sourceConfig,
  };
  const env = { API_KEY: { value: SECRETS.env, secret: true }, GREETING: { value: 'hello' } };
  const { policy, volumes } = more;
  const body = { name, sourceKind: 'image', sourceConfig, faces: [{ host }], env, policy, volumes };
  const { id } = await world.api.must({ method: 'POST', path: '/workloads', body });
  return { id: id as string, name, host, isServing: false };
}

async function removeWorkload({ api, probe }: World, { id, name }: WorldWorkload): Promise<void> {
  probe.expectReload();
  await api.must({ method: 'DELETE', path: `/workloads/${id}` });
  await until(async () => (await api.ask({ path: `/workloads/${id}` })).status === 404, `${name} to be torn down`);
  probe.expectReload();
}

function ended(world: World, id: string, deadlineMs: number): Promise<Json> {
  return until(
    async () => {
      const { rows } = await world.store.pool
        .query<Json>('select *, is_unfinished as open from view.deployment where id = $1', [id])
        // Postgres may be the one that is away.
        .catch(() => ({ rows: [] }));
      return rows[0] !== undefined && !rows[0].open ? rows[0] : null;
    },
    `deployment ${id} to end`,
    deadlineMs,
  );
}

interface Targets {
  readonly cluster: Cluster;
  readonly redis: RunningRedis;
  readonly engine: PrivateEngine;
}

async function openLinks(folder: string, { cluster, redis, engine }: Targets): Promise<Record<Role, Links>> {
  const entries = ROLES.map(async (role) => {
    const own = join(folder, role);
    mkdirSync(own);
    const [postgres, redisLink, docker] = await Promise.all([
      Link.open({ path: join(own, '.s.PGSQL.5432') }, { path: cluster.socket }),
      Link.open({ port: 0 }, { port: Number(new URL(redis.url).port) }),
      Link.open({ path: join(own, 'docker.sock') }, { path: engine.socket }),
    ]);
    return [role, { postgres, redis: redisLink, docker }] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<Role, Links>;
}

function through(databaseUrl: string, socketFolder: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('host', socketFolder);
  return url.href;
}

import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS, privateNetworkName } from '#domain/naming';
import { workload } from '#domain/workload';
import { on } from '#store/operation';
import { engineJson } from '../support/engine-call.js';
import { execIn } from '../support/exec.js';
import { buildImage, demoImage, removeImage } from '../support/images.js';
import { prepareGround, startEngineRoom, type Ground, type Platform } from '../support/platform.js';
import { until } from '../support/until.js';
import { createWorkload, finished, requestRelease, type TestWorkload } from '../support/workloads.js';

let ground: Ground;
let platform: Platform;
let docker: Docker;
let dockerHost: string;
const IMAGE = `tf-networks/demo:${Date.now().toString(36)}`;

beforeAll(async () => {
  ground = await prepareGround();
  dockerHost = ground.env['DOCKER_HOST']!;
  docker = createDocker({ host: dockerHost });
  await buildImage(dockerHost, { tag: IMAGE, ...demoImage({ version: 'here' }) });
  platform = await startEngineRoom(ground);
});
afterAll(async () => {
  await platform?.stop();
  await ground?.clear();
  if (dockerHost) await removeImage(dockerHost, IMAGE);
});

/** Deployed and running on that network. */
async function run(name: string, network: string | null, before?: TestWorkload): Promise<TestWorkload> {
  const { store } = platform.parts;
  const limits = { drainSeconds: 0, stopTimeoutSeconds: 1 };
  const config = { image: IMAGE, port: 8080, pullPolicy: 'never', ...limits, network };
  const made = before ? { ...before, config } : await createWorkload(store, { name, config });
  const settings = { type: 'ChangeWorkload', changes: { sourceConfig: config } } as const;
  await store.commit([on(workload, made.id, settings)], { actor: 'system:test', correlationId: 'test' });
  const [repository = '', tag = ''] = IMAGE.split(':');
  const artifact = { repository, tag, digest: null as unknown as string };
  const done = await finished(store, await requestRelease(store, made, artifact));
  expect(done, JSON.stringify(done.failure)).toMatchObject({ status: 'succeeded' });
  return made;
}

async function containerOf({ id }: TestWorkload): Promise<string> {
  const [found, ...others] = await docker.listContainers([`${LABELS.workloadId}=${id}`]);
  expect(others).toEqual([]);
  return found!.id;
}

async function addressOf(of: TestWorkload): Promise<string> {
  const path = `/containers/${await containerOf(of)}/json`;
  const { NetworkSettings: settings } = (await engineJson(dockerHost, { path })) as Inspected;
  return Object.values(settings.Networks)[0]!.IPAddress;
}
interface Inspected {
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { IPAddress: string; Gateway: string }>> };
}

/** Addresses that a name has inside a container; what the engine's own resolver says. */
async function resolved(from: TestWorkload, name: string): Promise<readonly string[]> {
  const { output } = await execIn(dockerHost, await containerOf(from), ['busybox', 'nslookup', name, '127.0.0.11']);
  const answer = output.split(/Name:/).slice(1).join();
  return [...new Set([...answer.matchAll(/Address[^:]*:\s*(\d+\.\d+\.\d+\.\d+)/g)].map(([, address]) => address!))];
}

/** Whether anything listens there; by `nc`, since wget of a static busybox crashes when it looks at a name. */
async function opens(from: TestWorkload, host: string, port: number): Promise<boolean> {
  const script = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${host} ${port}; echo "ended with $?"`;
  const { output } = await execIn(dockerHost, await containerOf(from), ['sh', '-c', script]);
  const code = /ended with (\d+)/.exec(output)?.[1];
  if (code !== '0' && code !== '1') throw new Error(`nc did not say: ${JSON.stringify(output)}`);
  return code === '0';
}

test('workloads of one network reach each other by name, and nobody else does', async () => {
  const shop = await run('shop', 'inner');
  const data = await run('data', 'inner');
  const other = await run('other', 'else');
  expect(await resolved(shop, 'data')).toEqual([await addressOf(data)]);
  expect(await opens(shop, await addressOf(data), 8080)).toBe(true);
  expect(await opens(data, await addressOf(shop), 8080)).toBe(true);
  expect(await resolved(other, 'data')).toEqual([]);
  expect(await opens(other, await addressOf(data), 8080)).toBe(false);
  expect(await opens(data, await addressOf(other), 8080)).toBe(false);
  const { installation, store } = platform.parts;
  const network = (await engineJson(dockerHost, {
    path: `/networks/${privateNetworkName(installation, 'inner')}`,
  })) as {
    readonly Labels: Readonly<Record<string, string>>;
    readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] };
  };
  expect(network.Labels).toMatchObject({ 'tinyforge.network': 'inner', [LABELS.installation]: installation });
  const { rows } = await store.pool.query(
    'select name, subnet::text from state.network where name is not null order by name',
  );
  expect(rows).toEqual([
    { name: 'else', subnet: expect.stringMatching(/^10\.214\..*\/26$/) },
    { name: 'inner', subnet: network.IPAM.Config[0]!.Subnet },
  ]);
}, 120_000);

test('workloads without a network reach nobody by name, and nobody on a network at all', async (context) => {
  const [alone, beside, data] = [await run('alone', null), await run('beside', null), await run('kept', 'kept')];
  for (const name of ['beside', 'kept']) expect(await resolved(alone, name)).toEqual([]);
  expect(await opens(alone, await addressOf(beside), 8080)).toBe(false);
  // Starting another engine on a host wipes the rules that keep the first one's older bridges apart, this one too.
  const control = await run('control', 'control');
  if (await opens(control, await addressOf(alone), 8080)) context.skip('this engine has lost its rules for the bridge');
  expect(await opens(alone, await addressOf(data), 8080)).toBe(false);
  expect(await opens(data, await addressOf(alone), 8080)).toBe(false);
}, 120_000);

test('what the platform keeps on this host is out of their reach', async () => {
  const { rows } = await platform.parts.store.pool.query<{ id: string; name: string }>(
    'select id, name from view.workload',
  );
  const from = rows.map((row) => ({ ...row, config: {}, faces: [] }));
  // As a store on loopback would: our own Redis and the API stand there, Postgres on a socket file.
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    for (const workload of from) {
      const path = `/containers/${await containerOf(workload)}/json`;
      const { NetworkSettings: settings } = (await engineJson(dockerHost, { path })) as Inspected;
      const gateway = Object.values(settings.Networks)[0]!.Gateway;
      for (const host of [gateway, '127.0.0.1']) expect(await opens(workload, host, port)).toBe(false);
    }
  } finally {
    server.close();
  }
}, 60_000);

test('a network goes with its last workload, and is there again for the next', async () => {
  const { store, installation } = platform.parts;
  const named = async () => {
    const { rows } = await store.pool.query<{ name: string }>('select name from state.network where name is not null');
    return rows.map(({ name }) => name).sort();
  };
  const isThere = async (name: string) => {
    const networks = (await engineJson(dockerHost, { path: '/networks' })) as readonly { Name: string }[];
    return networks.some(({ Name }) => Name === privateNetworkName(installation, name));
  };
  const others = await named();
  const moving = await run('moving', 'short');
  expect(await named()).toEqual([...others, 'short'].sort());
  await run('moving', 'long', moving);
  expect(await named()).toEqual([...others, 'long'].sort());
  expect([await isThere('short'), await isThere('long')]).toEqual([false, true]);
  await store.commit([on(workload, moving.id, { type: 'DeleteWorkload', children: [] })], {
    actor: 'system:test',
    correlationId: 'test',
  });
  await until(async () => !(await isThere('long')), 'the network to go');
  await until(async () => (await named()).join() === others.join(), 'its row to go');
  await run('again', 'short');
  expect(await isThere('short')).toBe(true);
}, 120_000);

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { freePort, logged, unique, type DockerUnderTest } from '../../support/docker-bench.js';
import { describeDocker } from '../../support/docker-conformance.js';
import { engineCall, engineJson } from '../../support/engine-call.js';
import { ensureEngine } from '../../support/engine.js';
import { buildImage, demoImage, pushImage, removeImage } from '../../support/images.js';
import { startRegistry, type RunningRegistry } from '../../support/registry.js';

describeDocker('the real engine', realEngine);

async function realEngine(): Promise<DockerUnderTest> {
  const host = await ensureEngine();
  const registry = await startRegistry();
  const tag = (name: string) => `tf-conformance/${name}:${unique('t')}`;
  const [ok, exits, checked] = [tag('ok'), tag('exits'), tag('checked')];
  await buildImage(host, { tag: ok, ...demoImage({ version: '1' }) });
  await buildImage(host, { tag: exits, ...demoImage({ version: '1', mode: 'exits' }) });
  const healthcheck = { test: ['wget', '-q', '-O', '-', 'http://127.0.0.1:8080/'], intervalMs: 300, retries: 3 };
  await buildImage(host, { tag: checked, ...demoImage({ version: '1' }), healthcheck });
  const remote = `${registry.host}/demo/remote:v1`;
  // Content of its own: a pull then has a layer to fetch.
  await buildImage(host, { tag: remote, ...demoImage({ version: unique('remote') }) });
  const digest = `${registry.host}/demo/remote@${await pushImage(host, remote)}`;
  const forget = async () => {
    await removeImage(host, remote);
    await removeImage(host, digest);
  };
  await forget();
  return {
    docker: createDocker({ host }),
    images: { ok, exits, checked },
    remote: { tag: remote, digest },
    absent: { local: 'tf-conformance/none:none', remote: `${registry.host}/demo/none:none` },
    forget,
    removeImage: (reference) => removeImage(host, reference),
    removeNetwork: async (name) => void (await engineCall(host, { method: 'DELETE', path: `/networks/${name}` })),
    foreignNetwork: async (name) => void (await engineJson(host, jsonPost('/networks/create', { Name: name }))),
    close: async () => {
      for (const image of [ok, exits, checked]) await removeImage(host, image);
      await registry.stop();
    },
  };
}

function jsonPost(path: string, body: object) {
  return { method: 'POST', path, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

describe('on the real engine', () => {
  const network = unique('tf-real-net');
  const image = `tf-real/demo:${unique('t')}`;
  const made: string[] = [];
  let host: string;
  let docker: Docker;

  beforeAll(async () => {
    host = await ensureEngine();
    docker = createDocker({ host });
    await buildImage(host, { tag: image, ...demoImage({ version: '1' }) });
    await docker.ensureNetwork({ name: network, labels: {}, interContainer: false });
  });
  afterAll(async () => {
    for (const id of made) await docker.removeContainer(id);
    await engineCall(host, { method: 'DELETE', path: `/networks/${network}` });
    await removeImage(host, image);
  });

  const run = async (extra: { command?: readonly string[]; ports?: { container: number; host: number }[] }) => {
    const rest = { labels: {}, env: { SECRET: 'x' }, cpuLimit: 0.5, memoryLimit: 64, restart: 'no' as const };
    const spec = { name: unique('tf-real'), image, network, command: null, ports: [], ...rest, ...extra };
    const { id } = await docker.createContainer(spec);
    made.push(id);
    await docker.startContainer(id);
    return id;
  };
  const configOf = async (id: string) => (await engineJson(host, { path: `/containers/${id}/json` })) as RawContainer;

  it('publishes on 127.0.0.1 only, rotates logs, sets limits and grants nothing else', async () => {
    const port = await freePort();
    const { HostConfig: config } = await configOf(await run({ ports: [{ container: 8080, host: port }] }));
    expect(config.PortBindings).toEqual({ '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] });
    expect(config.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } });
    expect(config).toMatchObject({ NanoCpus: 5e8, Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 });
    expect(config).toMatchObject({
      Privileged: false,
      Binds: null,
      PublishAllPorts: false,
      NetworkMode: network,
      CapAdd: null,
    });
  });

  it('keeps containers of the network apart', async () => {
    const server = await run({});
    await logged(docker, server, 'demo 1 listens');
    const address = (await configOf(server)).NetworkSettings.Networks[network]!.IPAddress;
    // By nc: wget of a static busybox crashes, which looks like being apart.
    const reach = (host: string) => `nc -w 2 ${host} 8080 </dev/null && echo reached || echo apart`;
    const script = `sh /serve.sh >/dev/null & sleep 1; ${reach('127.0.0.1')}; ${reach(address)}`;
    const client = await run({ command: ['sh', '-c', script] });
    await expect
      .poll(async () => (await docker.tailLogs(client, 20)).map(({ line }) => line), { timeout: 15_000 })
      .toEqual(expect.arrayContaining(['reached', 'apart']));
  });

  it('labels the network as ours', async () => {
    const found = (await engineJson(host, { path: `/networks/${network}` })) as { Labels: object; Options: object };
    expect(found.Labels).toEqual({ 'tinyforge.network': network });
    expect(found.Options).toMatchObject({ 'com.docker.network.bridge.enable_icc': 'false' });
  });

  it('reads the log of a container with a terminal, which has no frames', async () => {
    const body = { Image: image, Tty: true, Cmd: ['sh', '-c', 'echo "{}"; echo two'] };
    const { Id } = (await engineJson(host, jsonPost('/containers/create', body))) as { Id: string };
    made.push(Id);
    await docker.startContainer(Id);
    await logged(docker, Id, 'two');
    expect(await docker.tailLogs(Id, 5)).toEqual([
      { stream: 'stdout', line: '{}' },
      { stream: 'stdout', line: 'two' },
    ]);
  });
});

interface RawContainer {
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

describe('a registry that asks for a password', () => {
  const auth = { username: 'robot', password: 'p+/ä secret' };
  let host: string;
  let registry: RunningRegistry;
  let image: string;
  let docker: Docker;

  beforeAll(async () => {
    host = await ensureEngine();
    docker = createDocker({ host });
    registry = await startRegistry({ auth });
    image = `${registry.host}/private/demo:v1`;
    await buildImage(host, { tag: image, ...demoImage({ version: unique('p') }) });
    await pushImage(host, image, auth);
    await removeImage(host, image);
  });
  afterAll(async () => {
    await removeImage(host, image);
    await registry?.stop();
  });

  const pull = (password: string | null) => {
    const credential = password === null ? null : { username: auth.username, password, serverAddress: registry.host };
    return docker.pull(image, { credential, platform: null, progress: () => {} });
  };

  it.each([null, 'wrong'])('is registry-denied with the password %j', async (password) => {
    await expect(pull(password)).rejects.toMatchObject({
      name: 'TerminalError',
      code: 'registry-denied',
      failureClass: 'permanent',
    });
  });

  it('delivers with the right one', async () => {
    expect((await pull(auth.password)).repoDigests[0]).toContain(`${registry.host}/private/demo@sha256:`);
  });

  it('is registry-unreachable once it is gone', async () => {
    const other = await startRegistry();
    await other.stop();
    const pulled = docker.pull(`${other.host}/demo:v1`, { credential: null, platform: null, progress: () => {} });
    await expect(pulled).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });
});

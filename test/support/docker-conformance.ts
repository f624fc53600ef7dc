import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Container, ContainerSpec, Docker } from '#docker/docker';

/** What an implementation brings to be held to the contract of `Docker`. */
export interface DockerUnderTest {
  readonly docker: Docker;
  /** On the host. Serves http on 8080 and says "demo 1 listens"; `exits` ends with code 3 after a line on stderr. */
  readonly images: { readonly ok: string; readonly exits: string; readonly checked: string };
  /** Not on the host, in a registry: by tag, and by digest. */
  readonly remote: { readonly tag: string; readonly digest: string };
  readonly absent: { readonly local: string; readonly remote: string };
  /** Drops the remote image from the host again. */
  forget(): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  /** A network made by somebody else. */
  foreignNetwork(name: string): Promise<void>;
  close(): Promise<void>;
}

export function describeDocker(name: string, make: () => Promise<DockerUnderTest>): void {
  describe(`${name} keeps the Docker contract`, () => {
    let under: DockerUnderTest;
    let docker: Docker;
    const containers: string[] = [];
    const networks: string[] = [];
    const network = unique('tf-conf-net');

    beforeAll(async () => {
      under = await make();
      docker = under.docker;
      await docker.ensureNetwork({ name: network, labels: {}, interContainer: false });
    });
    afterEach(async () => {
      for (const id of containers.splice(0)) await docker.removeContainer(id);
      for (const each of networks.splice(0)) await under.removeNetwork(each);
      await under.forget();
    });
    afterAll(async () => {
      await under?.removeNetwork(network);
      await under?.close();
    });

    const specOf = (extra: Partial<ContainerSpec> = {}): ContainerSpec => ({
      name: unique('tf-conf'),
      image: under.images.ok,
      labels: { 'tinyforge.deployment.id': unique('d'), 'tinyforge.workload.id': 'w1' },
      env: {},
      command: null,
      ports: [],
      cpuLimit: null,
      memoryLimit: null,
      network,
      restart: 'no',
      ...extra,
    });
    const create = async (spec: ContainerSpec): Promise<string> => {
      const { id } = await docker.createContainer(spec);
      containers.push(id);
      return id;
    };
    const run = async (extra: Partial<ContainerSpec> = {}): Promise<string> => {
      const id = await create(specOf(extra));
      await docker.startContainer(id);
      return id;
    };
    const inspect = async (id: string): Promise<Container> => (await docker.inspectContainer(id))!;
    const ended = (id: string) =>
      expect.poll(() => docker.inspectContainer(id), { timeout: 10_000 }).toMatchObject({ running: false });

    describe('ping', () => {
      it('tells version and platform', async () => {
        const version = await docker.ping();
        expect(version.apiVersion).toMatch(/^1\.\d+$/);
        expect(version.os).toBe('linux');
        expect(version.version).not.toBe('');
        expect(version.arch).not.toBe('');
      });

      it('ends with the reason of its signal', async () => {
        const reason = new Error('lease lost');
        await expect(docker.ping(AbortSignal.abort(reason))).rejects.toBe(reason);
      });
    });

    describe('images', () => {
      it('inspects one on the host', async () => {
        const image = await docker.inspectImage(under.images.ok);
        expect(image).toMatchObject({ os: 'linux', hasHealthcheck: false });
        expect(image?.id).toMatch(/^sha256:/);
        expect(await docker.inspectImage(image!.id)).toEqual(image);
      });

      it('knows a HEALTHCHECK', async () => {
        expect(await docker.inspectImage(under.images.checked)).toMatchObject({ hasHealthcheck: true });
      });

      it('answers null for one that is not there', async () => {
        expect(await docker.inspectImage(under.absent.local)).toBeNull();
      });

      it.each(['../../containers/json', 'a b', 'repo?x=1', '', 'a//b'])(
        'refuses %j as a reference',
        async (reference) => {
          await expect(docker.inspectImage(reference)).rejects.toMatchObject({ code: 'docker-rejected' });
        },
      );

      it.each(['tag', 'digest'] as const)('pulls by %s and finds the image under that name', async (by) => {
        expect(await docker.inspectImage(under.remote[by])).toBeNull();
        const lines: string[] = [];
        const image = await docker.pull(under.remote[by], {
          credential: null,
          platform: null,
          progress: (line) => lines.push(line),
        });
        expect(image.repoDigests).toContain(under.remote.digest);
        expect(await docker.inspectImage(under.remote[by])).toEqual(image);
        expect(lines.length).toBeGreaterThan(0);
        expect(new Set(lines).size).toBe(lines.length);
      });

      it('pulls what is there already', async () => {
        const options = { credential: null, platform: null, progress: () => {} };
        const first = await docker.pull(under.remote.digest, options);
        expect(await docker.pull(under.remote.digest, options)).toEqual(first);
      });

      it('fails for good where the registry has no such image', async () => {
        const pulled = docker.pull(under.absent.remote, { credential: null, platform: null, progress: () => {} });
        await expect(pulled).rejects.toMatchObject({ name: 'TerminalError', code: 'no-such-image' });
      });

      it('refuses an image of another platform', async () => {
        const pulled = docker.pull(under.remote.tag, { credential: null, platform: 'linux/s390x', progress: () => {} });
        await expect(pulled).rejects.toMatchObject({ name: 'TerminalError', code: 'image-platform' });
      });
    });

    describe('createContainer', () => {
      it('makes what the spec says, not running', async () => {
        const spec = specOf({ env: { GREETING: 'hé=llo "you"' } });
        const id = await create(spec);
        expect(await inspect(id)).toMatchObject({
          id,
          name: spec.name,
          image: spec.image,
          labels: spec.labels,
          state: 'created',
          running: false,
          exitCode: null,
          startedAt: null,
          health: 'none',
        });
      });

      it('adopts a container of the same name and deployment', async () => {
        const spec = specOf();
        expect(await docker.createContainer(spec)).toEqual({ id: await create(spec) });
      });

      it('gives one container to callers at the same time', async () => {
        const spec = specOf();
        const made = await Promise.all([1, 2, 3, 4].map(() => docker.createContainer(spec)));
        containers.push(made[0]!.id);
        expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      });

      it.each<Record<string, string>[]>([
        [{ 'tinyforge.deployment.id': 'another' }, { 'tinyforge.deployment.id': 'mine' }],
        [{}, { 'tinyforge.deployment.id': 'mine' }],
        [{}, {}],
      ])('refuses a name that a container labelled %j holds to one labelled %j', async (theirs, mine) => {
        const spec = specOf({ labels: theirs! });
        await create(spec);
        const again = docker.createContainer({ ...spec, labels: mine! });
        await expect(again).rejects.toMatchObject({ name: 'TerminalError', code: 'container-foreign' });
      });

      it('says no-such-image for an image that is not on the host', async () => {
        const made = docker.createContainer(specOf({ image: under.absent.local }));
        await expect(made).rejects.toMatchObject({ name: 'TerminalError', code: 'no-such-image' });
      });

      it('refuses a name that is none', async () => {
        await expect(docker.createContainer(specOf({ name: '../x' }))).rejects.toMatchObject({
          code: 'docker-rejected',
        });
      });
    });

    describe('running', () => {
      it('publishes the port on loopback alone and answers there', async () => {
        const host = await freePort();
        const id = await run({ ports: [{ container: 8080, host }] });
        expect((await inspect(id)).hostPorts).toEqual({ 8080: host });
        await expect.poll(() => bodyOf(`http://127.0.0.1:${host}/`), { timeout: 5_000 }).toBe('1');
      });

      it('gives environment and command', async () => {
        const id = await run({
          env: { GREETING: 'hé=llo "you"' },
          command: ['sh', '-c', 'echo "$GREETING $0" ', 'a b'],
        });
        await ended(id);
        expect(await docker.tailLogs(id, 5)).toEqual([{ stream: 'stdout', line: 'hé=llo "you" a b' }]);
      });

      it('starts twice without harm', async () => {
        const id = await run();
        await docker.startContainer(id);
        expect(await inspect(id)).toMatchObject({ state: 'running', running: true, exitCode: null });
        expect((await inspect(id)).startedAt).toMatch(/^\d{4}-.*Z$/);
      });

      it('says port-taken for a host port in use', async () => {
        const server = createServer();
        const host = await listen(server);
        const id = await create(specOf({ ports: [{ container: 8080, host }] }));
        await expect(docker.startContainer(id)).rejects.toMatchObject({ name: 'TerminalError', code: 'port-taken' });
        await new Promise((resolve) => server.close(resolve));
        await docker.startContainer(id);
        expect((await inspect(id)).running).toBe(true);
      });

      it('says port-taken for one that another container holds', async () => {
        const host = await freePort();
        await run({ ports: [{ container: 8080, host }] });
        await expect(run({ ports: [{ container: 8080, host }] })).rejects.toMatchObject({ code: 'port-taken' });
      });

      it('refuses for good a command that is not in the image', async () => {
        const id = await create(specOf({ command: ['/no/such/program'] }));
        await expect(docker.startContainer(id)).rejects.toMatchObject({
          name: 'TerminalError',
          code: 'docker-rejected',
        });
      });

      it('refuses to start what is not there', async () => {
        await expect(docker.startContainer(unique('tf-none'))).rejects.toMatchObject({
          name: 'TerminalError',
          code: 'docker-rejected',
        });
      });

      it('tells the exit code', async () => {
        const id = await run({ image: under.images.exits });
        await ended(id);
        expect(await inspect(id)).toMatchObject({ state: 'exited', exitCode: 3, oomKilled: false });
      });

      it('restarts under unless-stopped and counts it', async () => {
        const id = await run({ image: under.images.exits, restart: 'unless-stopped' });
        await expect.poll(async () => (await inspect(id)).restartCount, { timeout: 10_000 }).toBeGreaterThan(0);
        await docker.stopContainer(id, 1);
        expect((await inspect(id)).running).toBe(false);
      });

      it('follows the health check of the image', async () => {
        const id = await run({ image: under.images.checked });
        await expect.poll(async () => (await inspect(id)).health, { timeout: 10_000 }).toBe('healthy');
      });
    });

    describe('stop and remove', () => {
      it('lets the program end by itself', async () => {
        const id = await run();
        await logged(docker, id, 'demo 1 listens');
        await docker.stopContainer(id, 10);
        expect(await inspect(id)).toMatchObject({ running: false, exitCode: 0 });
      });

      it('kills one that does not listen, after the seconds given', async () => {
        const id = await run({ command: ['sleep', '600'] });
        await docker.stopContainer(id, 1);
        expect(await inspect(id)).toMatchObject({ running: false, exitCode: 137 });
      });

      it('takes stopped, never started and absent as stopped', async () => {
        const id = await create(specOf());
        await docker.stopContainer(id, 1);
        await docker.startContainer(id);
        await docker.stopContainer(id, 5);
        await docker.stopContainer(id, 5);
        await expect(docker.stopContainer(unique('tf-none'), 1)).resolves.toBeUndefined();
      });

      it('removes a running one, and takes absent as removed', async () => {
        const id = await run();
        await Promise.all([docker.removeContainer(id), docker.removeContainer(id)]);
        expect(await docker.inspectContainer(id)).toBeNull();
        await expect(docker.removeContainer(id)).resolves.toBeUndefined();
      });
    });

    describe('looking', () => {
      it('inspects by name as by id, and answers null for none', async () => {
        const spec = specOf();
        const id = await create(spec);
        expect(await inspect(spec.name)).toEqual(await inspect(id));
        expect(await docker.inspectContainer(unique('tf-none'))).toBeNull();
      });

      it('lists those that carry every label, stopped ones too', async () => {
        const mark = unique('mark');
        const both = await create(specOf({ labels: { mark, colour: 'red' } }));
        const one = await run({ labels: { mark } });
        const ids = async (...labels: string[]) => (await docker.listContainers(labels)).map(({ id }) => id).sort();
        expect(await ids(`mark=${mark}`)).toEqual([both, one].sort());
        expect(await ids(`mark=${mark}`, 'colour')).toEqual([both]);
        expect(await ids(`mark=${mark}`, 'colour=blue')).toEqual([]);
        const [found] = await docker.listContainers([`mark=${mark}`, 'colour=red']);
        const { name, image, state, labels } = await inspect(both);
        expect(found).toEqual({ id: both, name, image, state, labels });
      });

      it('tails both streams, oldest first', async () => {
        const script =
          'for i in 1 2 3 4; do echo "out $i"; usleep 20000; echo "err ü $i" >&2; usleep 20000; done; echo -n open';
        const id = await run({ command: ['sh', '-c', script] });
        await ended(id);
        expect(await docker.tailLogs(id, 4)).toEqual([
          { stream: 'stderr', line: 'err ü 3' },
          { stream: 'stdout', line: 'out 4' },
          { stream: 'stderr', line: 'err ü 4' },
          { stream: 'stdout', line: 'open' },
        ]);
      });

      it('keeps a tail of long lines within 64 KiB', async () => {
        const script = 'i=0; while [ $i -lt 40 ]; do printf "%05000d\\n" $i; i=$((i+1)); done';
        const id = await run({ command: ['sh', '-c', script] });
        await ended(id);
        const lines = await docker.tailLogs(id, 1_000);
        expect(lines).toHaveLength(13);
        expect(lines.at(-1)?.line).toMatch(/^0+39$/);
      });
    });

    describe('ensureNetwork', () => {
      it('makes one network, also for callers at the same time', async () => {
        const spec = { name: unique('tf-conf-net'), labels: { a: 'b' }, interContainer: true };
        networks.push(spec.name);
        await Promise.all([1, 2, 3, 4].map(() => docker.ensureNetwork(spec)));
        await docker.ensureNetwork(spec);
        const id = await run({ network: spec.name });
        expect(await inspect(id)).toMatchObject({ running: true });
      });

      it('refuses one that is somebody else’s', async () => {
        const spec = { name: unique('tf-conf-net'), labels: {}, interContainer: false };
        networks.push(spec.name);
        await under.foreignNetwork(spec.name);
        await expect(docker.ensureNetwork(spec)).rejects.toMatchObject({
          name: 'TerminalError',
          code: 'network-foreign',
        });
      });

      it('refuses ours where its rule between containers differs', async () => {
        const again = docker.ensureNetwork({ name: network, labels: {}, interContainer: true });
        await expect(again).rejects.toMatchObject({ code: 'network-foreign' });
      });
    });
  });
}

/** Resolves once the container has said it. */
export async function logged(docker: Docker, id: string, text: string): Promise<void> {
  const said = async () => (await docker.tailLogs(id, 20)).map(({ line }) => line);
  await expect.poll(said, { timeout: 10_000 }).toContain(text);
}

export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

async function bodyOf(url: string): Promise<string | null> {
  return fetch(url).then(
    (answer) => answer.text(),
    () => null,
  );
}

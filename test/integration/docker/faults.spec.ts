import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { FakeDaemon, json } from '../../support/fake-daemon.js';

const DEADLINES = { look: 250, change: 250, stop: 250, silence: 250 };

let daemon: FakeDaemon;
let docker: Docker;

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  docker = createDocker({ host: daemon.host, deadlines: DEADLINES });
});
afterEach(() => daemon.end());

const pull = () => docker.pull('reg/demo:v1', { credential: null, platform: null, progress: () => {} });

describe('a daemon that never answers', () => {
  const calls: Readonly<Record<string, (signal?: AbortSignal) => Promise<unknown>>> = {
    inspectImage: (signal) => docker.inspectImage('reg/demo:v1', signal),
    inspectContainer: (signal) => docker.inspectContainer('c', signal),
    createContainer: (signal) => docker.createContainer(spec(), signal),
    startContainer: (signal) => docker.startContainer('c', signal),
    stopContainer: (signal) => docker.stopContainer('c', 0, signal),
    removeContainer: (signal) => docker.removeContainer('c', signal),
    listContainers: (signal) => docker.listContainers(['a'], signal),
    tailLogs: (signal) => docker.tailLogs('c', 5, signal),
    removeNetwork: (signal) => docker.removeNetwork('n', signal),
    ensureNetwork: (signal) => docker.ensureNetwork({ name: 'n', labels: {}, interContainer: false }, signal),
  };
  beforeEach(() => {
    daemon.handle = () => {};
  });

  it.each(Object.keys(calls))('%s ends at its deadline', async (name) => {
    await expect(calls[name]!()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-timeout' });
  });

  it.each(Object.keys(calls))('%s ends with its signal, and so does its request', async (name) => {
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const gone = new Promise<void>((resolve) => {
      daemon.handle = (request) => {
        request.socket.once('close', () => resolve());
        controller.abort(reason);
      };
    });
    await expect(calls[name]!(controller.signal)).rejects.toBe(reason);
    await gone;
    expect(daemon.requests).toHaveLength(2);
  });

  it('a pull without a word is the registry’s fault while the engine answers', async () => {
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('not even to /version: docker-timeout', async () => {
    daemon.isMute = true;
    await expect(docker.ping()).rejects.toMatchObject({ code: 'docker-timeout' });
    await expect(pull()).rejects.toMatchObject({ code: 'docker-timeout' });
  });
});

describe('a daemon that cuts its reply off', () => {
  it.each(['close', 'hang'])('ends at the deadline or before: %s', async (how) => {
    daemon.handle = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
      response.write('{"Id":"abc', () => how === 'close' && response.socket!.destroy());
    };
    await expect(docker.inspectContainer('c')).rejects.toMatchObject({ name: 'RetryableError' });
  });

  it('in the middle of a pull', async () => {
    daemon.handle = (_, response) => {
      response.writeHead(200);
      response.write('{"status":"Pulling', () => response.socket!.destroy());
    };
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-unreachable' });
  });

  it('in the middle of a log frame: what came is lost with the call', async () => {
    daemon.handle = (_, response) => {
      response.writeHead(200);
      response.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 99, 104, 105]), () => response.socket!.destroy());
    };
    await expect(docker.tailLogs('c', 5)).rejects.toMatchObject({ name: 'RetryableError' });
  });
});

describe('the engine', () => {
  it('is spoken to in a version it knows, asked once', async () => {
    daemon.handle = (_, response) => json(response, []);
    await docker.listContainers([]);
    await docker.listContainers([]);
    expect(daemon.requests.map((path) => path.split('?')[0])).toEqual([
      'GET /version',
      'GET /v1.44/containers/json',
      'GET /v1.44/containers/json',
    ]);
  });

  it('keeps the environment out of the URL', async () => {
    daemon.handle = (_, response) => json(response, { Id: 'abc' }, 201);
    await docker.createContainer(spec());
    expect(daemon.requests.at(-1)).toBe('POST /v1.44/containers/create?name=c');
  });

  it('that stops is docker-unreachable, and is found again', async () => {
    daemon.handle = (_, response) => json(response, []);
    await docker.listContainers([]);
    await daemon.close();
    await expect(docker.listContainers([])).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'docker-unreachable',
    });
    await daemon.listen();
    expect(await docker.listContainers([])).toEqual([]);
    expect(daemon.requests.filter((path) => path === 'GET /version')).toHaveLength(2);
  });

  it('is never taken from the environment', async () => {
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      const own = createDocker({ host: daemon.host, deadlines: DEADLINES });
      expect(await own.ping()).toEqual({ version: '99.0', apiVersion: '1.44', os: 'linux', arch: 'amd64' });
    } finally {
      delete process.env['DOCKER_HOST'];
    }
  });

  it('is reached over tcp too', async () => {
    const tcp = createServer((_, response) =>
      json(response, { Version: '1.0', ApiVersion: '1.41', Os: 'linux', Arch: 'arm64' }),
    );
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const { port } = tcp.address() as { port: number };
    expect(await createDocker({ host: `tcp://127.0.0.1:${port}` }).ping()).toMatchObject({ version: '1.0' });
    tcp.closeAllConnections();
    tcp.close();
  });

  it('replaced by another version is asked again', async () => {
    const text = 'client version 1.44 is too old. Minimum supported API version is 1.50';
    daemon.handle = (_, response) => json(response, { message: text }, 400);
    await expect(docker.listContainers([])).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'docker-unreachable',
    });
    daemon.handle = (_, response) => json(response, []);
    expect(await docker.listContainers([])).toEqual([]);
    expect(daemon.requests.filter((path) => path === 'GET /version')).toHaveLength(2);
  });

  it('that is not one is refused', async () => {
    daemon.isMute = true;
    daemon.handle = (_, response) => void response.end('<html>');
    await expect(docker.ping()).rejects.toMatchObject({ name: 'TerminalError', code: 'docker-rejected' });
  });
});

describe('the events of a daemon', () => {
  const line = (second: number, id: string) =>
    `${JSON.stringify({ Type: 'container', Action: 'die', Actor: { ID: id, Attributes: { exitCode: '1' } }, time: second })}\n`;

  const watch = (until: number) => {
    const seen = { ids: [] as string[], opened: 0, lost: 0 };
    const stopping = new AbortController();
    const ended = docker.watchContainers({
      labels: ['a=b'],
      signal: stopping.signal,
      onOpen: () => (seen.opened += 1),
      onEvent({ id }) {
        seen.ids.push(id);
        if (seen.ids.length === until) stopping.abort();
      },
      onLost: () => (seen.lost += 1),
    });
    return { seen, ended, stopping };
  };
  const asked = () =>
    daemon.requests
      .filter((path) => path.includes('/events'))
      .map((path) => new URL(path.slice(4), 'http://d').searchParams);

  it('are asked for again from the last one on when the stream ends or breaks', async () => {
    let connection = 0;
    daemon.handle = (_, response) => {
      connection += 1;
      response.writeHead(200);
      response.write(line(100 + connection, `c${connection}`), () => {
        if (connection === 1) response.end();
        else if (connection === 2) response.socket!.destroy();
      });
    };
    const { seen, ended } = watch(3);
    await ended;
    expect(seen).toEqual({ ids: ['c1', 'c2', 'c3'], opened: 3, lost: 1 });
    expect(asked().map((query) => query.get('since'))).toEqual([null, '101', '102']);
    expect(JSON.parse(asked()[0]!.get('filters')!)).toMatchObject({ type: ['container'], label: ['a=b'] });
  });

  it('go on through an engine that is away, and past what is no event', async () => {
    await daemon.close();
    const { seen, ended, stopping } = watch(2);
    await expect.poll(() => seen.lost).toBeGreaterThan(0);
    daemon.handle = (_, response) => {
      response.writeHead(200);
      response.write(`not json\n{"Action":"die"}\n${line(1, 'c1')}`);
      // Cut inside a line, as a network does.
      response.write(line(2, 'c2').slice(0, 20), () => response.write(line(2, 'c2').slice(20)));
    };
    await daemon.listen();
    await ended;
    expect(stopping.signal.aborted).toBe(true);
    expect(seen.ids).toEqual(['c1', 'c2']);
  });

  it('hold nothing back when they are ended in silence', async () => {
    const gone = new Promise<void>((resolve) => {
      daemon.handle = (request, response) => {
        response.writeHead(200);
        response.flushHeaders();
        request.socket.once('close', () => resolve());
      };
    });
    const { seen, ended, stopping } = watch(1);
    await expect.poll(() => seen.opened).toBe(1);
    stopping.abort();
    await Promise.all([ended, gone]);
    expect(seen.lost).toBe(0);
  });
});

function spec() {
  const rest = {
    labels: {},
    command: null,
    ports: [],
    cpuLimit: null,
    memoryLimit: null,
    network: 'n',
    restart: 'no' as const,
  };
  return { name: 'c', image: 'i', env: { SECRET: 'hunter2' }, ...rest };
}

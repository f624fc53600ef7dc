import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';

/** A daemon that misbehaves as told. Docker's own never does so on demand. */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const DEADLINES = { look: 250, change: 250, stop: 250, silence: 250 };
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = {
  Id: 'sha256:1',
  RepoDigests: [`reg/demo@${DIGEST}`],
  Os: 'linux',
  Architecture: 'amd64',
  Config: {},
  Created: '',
};
const VERSION = { Version: '99.0', ApiVersion: '1.52', MinAPIVersion: '1.44', Os: 'linux', Arch: 'amd64' };

let folder: string;
let server: Server;
let docker: Docker;
let paths: string[];
let handle: Handler;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tf-fake-'));
  paths = [];
  server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    if (request.url === '/version') json(response, VERSION);
    else handle(request, response);
  });
  await listen();
  docker = createDocker({ host: `unix://${join(folder, 'd.sock')}`, deadlines: DEADLINES });
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

const listen = () => new Promise<void>((resolve) => server.listen(join(folder, 'd.sock'), resolve));
const close = () => {
  server.closeAllConnections();
  return new Promise<void>((resolve) => server.close(() => resolve()));
};
const json = (response: ServerResponse, body: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
/** `/v1.44/images/json?x=1` → `/images/json`. */
const routeOf = (request: IncomingMessage) => request.url!.replace(/^\/v1\.\d+/, '').replace(/\?.*$/, '');
const pull = (signal?: AbortSignal, lines: string[] = []) => {
  const progress = (line: string) => void lines.push(line);
  return docker.pull('reg/demo:v1', { credential: null, platform: null, progress, ...(signal && { signal }) });
};
/** Answers a pull with these chunks and inspects with `image`. */
const pulling = (chunks: readonly (string | Buffer)[], image: object | null = IMAGE): Handler => {
  return (request, response) => {
    if (routeOf(request) !== '/images/create')
      return image ? json(response, image) : json(response, { message: 'No such image' }, 404);
    response.writeHead(200);
    for (const chunk of chunks) response.write(chunk);
    response.end();
  };
};

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
    ensureNetwork: (signal) => docker.ensureNetwork({ name: 'n', labels: {}, interContainer: false }, signal),
  };
  beforeEach(() => {
    handle = () => {};
  });

  it.each(Object.keys(calls))('%s ends at its deadline', async (name) => {
    await expect(calls[name]!()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-timeout' });
  });

  it.each(Object.keys(calls))('%s ends with its signal, and so does its request', async (name) => {
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const gone = new Promise<void>((resolve) => {
      handle = (request) => {
        request.socket.once('close', () => resolve());
        controller.abort(reason);
      };
    });
    await expect(calls[name]!(controller.signal)).rejects.toBe(reason);
    await gone;
    expect(paths).toHaveLength(2);
  });

  it('a pull without a word is the registry’s fault while the engine answers', async () => {
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('not even to /version: docker-timeout', async () => {
    server.removeAllListeners('request');
    server.on('request', () => {});
    await expect(docker.ping()).rejects.toMatchObject({ code: 'docker-timeout' });
    await expect(pull()).rejects.toMatchObject({ code: 'docker-timeout' });
  });
});

describe('a daemon that cuts its reply off', () => {
  it.each(['close', 'hang'])('ends at the deadline or before: %s', async (how) => {
    handle = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
      response.write('{"Id":"abc', () => how === 'close' && response.socket!.destroy());
    };
    await expect(docker.inspectContainer('c')).rejects.toMatchObject({ name: 'RetryableError' });
  });

  it('in the middle of a pull', async () => {
    handle = (_, response) => {
      response.writeHead(200);
      response.write('{"status":"Pulling', () => response.socket!.destroy());
    };
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-unreachable' });
  });

  it('in the middle of a log frame: what came is lost with the call', async () => {
    handle = (_, response) => {
      response.writeHead(200);
      response.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 99, 104, 105]), () => response.socket!.destroy());
    };
    await expect(docker.tailLogs('c', 5)).rejects.toMatchObject({ name: 'RetryableError' });
  });
});

describe('a pull', () => {
  it.each([
    [
      'toomanyrequests: You have reached your unauthenticated pull rate limit',
      'RetryableError',
      'registry-unreachable',
    ],
    ['received unexpected HTTP status: 503 Service Unavailable', 'RetryableError', 'registry-unreachable'],
    ['write /var/lib/docker/tmp/x: no space left on device', 'TerminalError', 'disk-full'],
    ['denied: requested access to the resource is denied', 'TerminalError', 'registry-denied'],
    ['manifest unknown: manifest unknown', 'TerminalError', 'no-such-image'],
  ])('fails by an error line inside a 200: %s', async (message, name, code) => {
    handle = pulling([`{"status":"Pulling"}\n${JSON.stringify({ errorDetail: { message }, error: message })}\n`]);
    await expect(pull()).rejects.toMatchObject({ name, code });
  });

  it('passes over lines that are not JSON, and characters cut in two', async () => {
    const cut = Buffer.from('{"status":"Ünïcode ✓"}\n');
    const lines: string[] = [];
    handle = pulling([
      '<html>502</html>\n\n[1]\nnull\n',
      ...[...cut].map((byte) => Buffer.from([byte])),
      '{"status":"Done"}',
    ]);
    expect(await pull(undefined, lines)).toMatchObject({ id: 'sha256:1' });
    expect(lines).toEqual(['Ünïcode ✓', 'Done']);
  });

  it('that ends well without the image failed', async () => {
    handle = pulling(['{"status":"Done"}\n'], null);
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('lives as long as it moves, and says each state once', async () => {
    let current = 0;
    handle = (request, response) => {
      if (routeOf(request) !== '/images/create') return json(response, IMAGE);
      response.writeHead(200);
      const timer = setInterval(() => {
        current += 1;
        const line = { id: 'l1', status: current > 10 ? 'Pull complete' : 'Downloading', progressDetail: { current } };
        response.write(`${JSON.stringify(line)}\n`);
        if (current > 10) {
          clearInterval(timer);
          response.end();
        }
      }, 50);
    };
    const lines: string[] = [];
    expect(await pull(undefined, lines)).toMatchObject({ id: 'sha256:1' });
    expect(lines).toEqual(['l1: Downloading', 'l1: Pull complete']);
  });

  it('ends with its signal in the middle, and so does its request', async () => {
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const gone = new Promise<void>((resolve) => {
      handle = (_, response) => {
        response.on('close', () => resolve());
        response.writeHead(200).write('{"status":"Pulling"}\n', () => controller.abort(reason));
      };
    });
    await expect(pull(controller.signal)).rejects.toBe(reason);
    await gone;
  });

  it('that repeats itself is not moving', async () => {
    let timer: NodeJS.Timeout;
    handle = (_, response) => {
      response.writeHead(200);
      timer = setInterval(() => response.write('{"id":"l1","status":"Waiting"}\n'), 50);
      response.on('close', () => clearInterval(timer));
    };
    await expect(pull()).rejects.toMatchObject({ code: 'registry-unreachable' });
  });

  it('never asks for every tag of a repository', async () => {
    handle = pulling(['{"status":"Done"}\n']);
    await docker.pull('reg:5000/demo', { credential: null, platform: null, progress: () => {} });
    expect(paths).toContain('POST /v1.44/images/create?fromImage=reg%3A5000%2Fdemo&tag=latest');
  });
});

describe('the engine', () => {
  it('is spoken to in a version it knows, asked once', async () => {
    handle = (_, response) => json(response, []);
    await docker.listContainers([]);
    await docker.listContainers([]);
    expect(paths.map((path) => path.split('?')[0])).toEqual([
      'GET /version',
      'GET /v1.44/containers/json',
      'GET /v1.44/containers/json',
    ]);
  });

  it('keeps the environment out of the URL', async () => {
    handle = (_, response) => json(response, { Id: 'abc' }, 201);
    await docker.createContainer(spec());
    expect(paths.at(-1)).toBe('POST /v1.44/containers/create?name=c');
  });

  it('that stops is docker-unreachable, and is found again', async () => {
    handle = (_, response) => json(response, []);
    await docker.listContainers([]);
    await close();
    await expect(docker.listContainers([])).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'docker-unreachable',
    });
    await listen();
    expect(await docker.listContainers([])).toEqual([]);
    expect(paths.filter((path) => path === 'GET /version')).toHaveLength(2);
  });

  it('is never taken from the environment', async () => {
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      const own = createDocker({ host: `unix://${join(folder, 'd.sock')}`, deadlines: DEADLINES });
      expect(await own.ping()).toEqual({ version: '99.0', apiVersion: '1.44', os: 'linux', arch: 'amd64' });
    } finally {
      delete process.env['DOCKER_HOST'];
    }
  });

  it('is reached over tcp too', async () => {
    const tcp = createServer((_, response) => json(response, VERSION));
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const { port } = tcp.address() as { port: number };
    expect(await createDocker({ host: `tcp://127.0.0.1:${port}` }).ping()).toMatchObject({ version: '99.0' });
    tcp.closeAllConnections();
    tcp.close();
  });

  it('replaced by another version is asked again', async () => {
    const text = 'client version 1.44 is too old. Minimum supported API version is 1.50';
    handle = (_, response) => json(response, { message: text }, 400);
    await expect(docker.listContainers([])).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'docker-unreachable',
    });
    handle = (_, response) => json(response, []);
    expect(await docker.listContainers([])).toEqual([]);
    expect(paths.filter((path) => path === 'GET /version')).toHaveLength(2);
  });

  it('that is not one is refused', async () => {
    server.removeAllListeners('request');
    server.on('request', (_, response) => response.end('<html>'));
    await expect(docker.ping()).rejects.toMatchObject({ name: 'TerminalError', code: 'docker-rejected' });
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

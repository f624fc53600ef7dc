import { type IncomingMessage, type RequestListener } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { FakeDaemon, json } from '../../support/fake-daemon.js';

const DEADLINES = { look: 250, change: 250, stop: 250, silence: 250 };
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = { Id: 'sha256:1', RepoDigests: [`reg/demo@${DIGEST}`], Os: 'linux', Architecture: 'amd64', Config: {} };

let daemon: FakeDaemon;
let docker: Docker;

beforeEach(async () => {
  daemon = await FakeDaemon.start();
  docker = createDocker({ host: daemon.host, deadlines: DEADLINES });
});
afterEach(() => daemon.end());

/** `/v1.44/images/json?x=1` → `/images/json`. */
const routeOf = (request: IncomingMessage) => request.url!.replace(/^\/v1\.\d+/, '').replace(/\?.*$/, '');
const pull = (signal?: AbortSignal, lines: string[] = []) => {
  const progress = (line: string) => void lines.push(line);
  return docker.pull('reg/demo:v1', { credential: null, platform: null, progress, ...(signal && { signal }) });
};
/** Answers a pull with these chunks and inspects with `image`. */
const pulling = (chunks: readonly (string | Buffer)[], image: object | null = IMAGE): RequestListener => {
  return (request, response) => {
    if (routeOf(request) !== '/images/create')
      return json(response, image ?? { message: 'No such image' }, image ? 200 : 404);
    response.writeHead(200);
    for (const chunk of chunks) response.write(chunk);
    response.end();
  };
};

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
    daemon.handle = pulling([
      `{"status":"Pulling"}\n${JSON.stringify({ errorDetail: { message }, error: message })}\n`,
    ]);
    await expect(pull()).rejects.toMatchObject({ name, code });
  });

  it('passes over lines that are not JSON, and characters cut in two', async () => {
    const cut = Buffer.from('{"status":"Ünïcode ✓"}\n');
    const lines: string[] = [];
    daemon.handle = pulling([
      '<html>502</html>\n\n[1]\nnull\n',
      ...[...cut].map((byte) => Buffer.from([byte])),
      '{"status":"Done"}',
    ]);
    expect(await pull(undefined, lines)).toMatchObject({ id: 'sha256:1' });
    expect(lines).toEqual(['Ünïcode ✓', 'Done']);
  });

  it('that ends well without the image failed', async () => {
    daemon.handle = pulling(['{"status":"Done"}\n'], null);
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('lives as long as it moves, and says each state once', async () => {
    let current = 0;
    daemon.handle = (request, response) => {
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
      daemon.handle = (_, response) => {
        response.on('close', () => resolve());
        response.writeHead(200).write('{"status":"Pulling"}\n', () => controller.abort(reason));
      };
    });
    await expect(pull(controller.signal)).rejects.toBe(reason);
    await gone;
  });

  it('that repeats itself is not moving', async () => {
    let timer: NodeJS.Timeout;
    daemon.handle = (_, response) => {
      response.writeHead(200);
      timer = setInterval(() => response.write('{"id":"l1","status":"Waiting"}\n'), 50);
      response.on('close', () => clearInterval(timer));
    };
    await expect(pull()).rejects.toMatchObject({ code: 'registry-unreachable' });
  });

  it('never asks for every tag of a repository', async () => {
    daemon.handle = pulling(['{"status":"Done"}\n']);
    await docker.pull('reg:5000/demo', { credential: null, platform: null, progress: () => {} });
    expect(daemon.requests).toContain('POST /v1.44/images/create?fromImage=reg%3A5000%2Fdemo&tag=latest');
  });
});

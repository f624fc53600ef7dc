import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import { ensureEngine } from '../../support/engine.js';

/** A registry that fails as told, asked by the real engine: what the engine makes of it is text alone. */
describe('a pull from a registry that', () => {
  let server: Server;
  let reference: string;
  let answer: (response: ServerResponse, path: string) => void;
  let silence: number;

  beforeEach(async () => {
    silence = 10_000;
    server = createServer((request, response) => {
      if (request.url === '/v2/')
        response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0' }).end('{}');
      else answer(response, request.url ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    reference = `127.0.0.1:${(server.address() as { port: number }).port}/demo:v1`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const pull = async (signal?: AbortSignal) => {
    const docker = createDocker({ host: await ensureEngine(), deadlines: { silence } });
    return docker.pull(reference, { credential: null, platform: null, progress: () => {}, ...(signal && { signal }) });
  };
  const says = (status: number, code: string) => {
    answer = (response) => {
      const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    };
  };

  it.each([
    [429, 'TOOMANYREQUESTS'],
    [500, 'UNKNOWN'],
    [502, 'UNKNOWN'],
    [503, 'UNAVAILABLE'],
  ])('answers %i %s is tried again', async (status, code) => {
    says(status, code);
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it.each([
    [401, 'UNAUTHORIZED', 'registry-denied'],
    [403, 'DENIED', 'registry-denied'],
    [404, 'MANIFEST_UNKNOWN', 'no-such-image'],
    [404, 'NAME_UNKNOWN', 'no-such-image'],
  ])('answers %i %s is given up: %s', async (status, code, expected) => {
    says(status, code);
    await expect(pull()).rejects.toMatchObject({ name: 'TerminalError', code: expected });
  });

  it('answers a proxy’s HTML is tried again', async () => {
    answer = (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>');
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('never answers is given up after the silence', async () => {
    silence = 500;
    answer = () => {};
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });

  it('never answers ends with the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('lease lost');
    answer = () => controller.abort(reason);
    await expect(pull(controller.signal)).rejects.toBe(reason);
  });

  it('cuts its answers off is tried again', async () => {
    answer = (response) => {
      response.writeHead(200, {
        'content-type': 'application/vnd.docker.distribution.manifest.v2+json',
        'content-length': 900,
      });
      response.write('{"schemaVersion":2,', () => response.socket!.destroy());
    };
    await expect(pull()).rejects.toMatchObject({ name: 'RetryableError', code: 'registry-unreachable' });
  });
});

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type HttpOptions } from '#runtime/http';

let server: Server;
let base: string;
let host: string;
let second: Server;
let other: string;
const seen: IncomingMessage[] = [];
const http = createHttp();
const named = (): HttpOptions => ({ allow: { host, insecure: true } });

const ROUTES: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/ok': (_request, response) => response.setHeader('X-Two', ['a', 'b']).end('hello'),
  '/large': (_request, response) => response.end(Buffer.alloc(100_000)),
  '/silent': () => {},
  '/slow-body': (_request, response) => void response.write('x'),
  '/cut': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy());
  },
  '/moved': (_request, response) => response.writeHead(302, { location: '/ok' }).end(),
  '/loop': (_request, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/elsewhere': (_request, response) => response.writeHead(302, { location: `${other}/ok` }).end(),
  '/nowhere': (_request, response) => response.writeHead(302, { location: 'http://[' }).end(),
  '/trickle': (_request, response) => {
    response.write('x');
    const timer = setInterval(() => response.write('x'), 50);
    response.once('close', () => clearInterval(timer));
  },
  '/away': (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(request);
    ROUTES[request.url ?? '']?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  base = `http://${host}`;
  second = createServer((request, response) => {
    seen.push(request);
    response.end('the other one');
  }).listen(0, '127.0.0.1');
  await once(second, 'listening');
  other = `http://127.0.0.1:${(second.address() as AddressInfo).port}`;
});
beforeEach(() => (seen.length = 0));
afterAll(async () => {
  await http.stop();
  server.closeAllConnections();
  server.close();
  second.closeAllConnections();
  second.close();
});

describe('the way out', () => {
  it('reaches a host that a record names', async () => {
    const answer = await http.request(`${base}/ok`, { ...named(), headers: { authorization: 'Bearer x' } });
    expect([answer.status, new TextDecoder().decode(answer.body), answer.headers['x-two']]).toEqual([
      200,
      'hello',
      'a, b',
    ]);
    expect(seen[0]!.headers).toMatchObject({ authorization: 'Bearer x', 'user-agent': 'tiny-forge' });
  });

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/',
    'https://198.18.0.1/',
    'https://0.0.0.0/',
    'https://172.17.0.1/',
    'https://localhost/',
  ])('blocks %s', async (url) => {
    await expect(http.request(url)).rejects.toMatchObject({ name: 'TerminalError', code: 'blocked-address' });
  });

  it('blocks a name that resolves to this host before it connects', async () => {
    const { port } = server.address() as AddressInfo;
    await expect(http.request(`https://localhost:${port}/ok`)).rejects.toMatchObject({ code: 'blocked-address' });
    expect(seen).toEqual([]);
  });

  it('lifts the guard for the named host and port alone, and plain http only where the record says so', async () => {
    await expect(http.request(`${base}/ok`)).rejects.toMatchObject({ code: 'invalid-url' });
    await expect(http.request(`${base}/ok`, { allow: { host, insecure: false } })).rejects.toMatchObject({
      code: 'invalid-url',
    });
    await expect(http.request(`${base}/ok`, { allow: { host: '127.0.0.1', insecure: true } })).rejects.toMatchObject({
      code: 'invalid-url',
    });
    await expect(http.request('https://127.0.0.1:1/ok', { allow: { host, insecure: true } })).rejects.toMatchObject({
      code: 'blocked-address',
    });
  });

  it.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'gopher://example.org/',
    'not a url',
    'https://user:pw@example.org/',
  ])('refuses %s', async (url) => {
    await expect(http.request(url)).rejects.toMatchObject({ code: 'invalid-url' });
  });

  it('reaches what the settings list, by CIDR', async () => {
    const listed = createHttp({ allowed: () => ['127.0.0.0/8'] });
    const { port } = server.address() as AddressInfo;
    // The guard lets it through; TLS against a plain server is what fails then.
    await expect(listed.request(`https://localhost:${port}/ok`)).rejects.toMatchObject({ code: 'http-failed' });
    await listed.stop();
  });

  it('reads no more than it was told to', async () => {
    await expect(http.request(`${base}/large`, { ...named(), maxBytes: 1000 })).rejects.toMatchObject({
      code: 'too-large',
    });
  });

  it.each(['/silent', '/slow-body'])('gives up on %s in time', async (path) => {
    await expect(http.request(`${base}${path}`, { ...named(), timeoutMs: 100 })).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'http-timeout',
    });
  });

  it('ends with its caller', async () => {
    const reason = new Error('the lease is lost');
    await expect(http.request(`${base}/silent`, { ...named(), signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });

  it('calls a cut answer a failure, and tells no path', async () => {
    const failure = http.request(`${base}/cut`, named());
    await expect(failure).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'http-failed',
      message: expect.not.stringContaining('/cut') as string,
    });
  });

  it('hands a redirect back, unless the same host was asked for', async () => {
    expect((await http.request(`${base}/moved`, named())).status).toBe(302);
    expect((await http.request(`${base}/moved`, { ...named(), redirect: 'same-host' })).status).toBe(200);
    expect((await http.request(`${base}/away`, { ...named(), redirect: 'same-host' })).headers['location']).toContain(
      '169.254',
    );
    seen.length = 0;
    expect((await http.request(`${base}/loop`, { ...named(), redirect: 'same-host' })).status).toBe(302);
    expect(seen).toHaveLength(4);
  });
});

describe('a redirect that is checked', () => {
  const secretive = { authorization: 'Bearer hunter2', 'PRIVATE-TOKEN': 'hunter2', accept: 'text/plain' };
  const checked = (reachable: readonly string[]): HttpOptions => ({
    redirect: 'checked',
    reachable,
    headers: secretive,
  });

  it('keeps the headers on the same origin', async () => {
    const answer = await http.request(`${base}/moved`, checked([base]));
    expect(new TextDecoder().decode(answer.body)).toBe('hello');
    expect(seen.at(-1)!.headers).toMatchObject({ authorization: 'Bearer hunter2', 'private-token': 'hunter2' });
  });

  it('leaves credentials behind on the way to another origin', async () => {
    const answer = await http.request(`${base}/elsewhere`, checked([base, other]));
    expect(new TextDecoder().decode(answer.body)).toBe('the other one');
    const { headers } = seen.at(-1)!;
    expect(JSON.stringify(headers)).not.toContain('hunter2');
    expect(headers.accept).toBe('text/plain');
  });

  it.each([
    ['/away', 'invalid-url'],
    ['/elsewhere', 'invalid-url'],
    ['/nowhere', 'invalid-url'],
  ])('is refused where it leads out of bounds: %s', async (path, code) => {
    await expect(http.request(`${base}${path}`, checked([base]))).rejects.toMatchObject({ code });
    expect(seen).toHaveLength(1);
  });

  it('ends after three', async () => {
    expect((await http.request(`${base}/loop`, checked([base]))).status).toBe(302);
    expect(seen).toHaveLength(4);
  });
});

describe('a host of the settings', () => {
  it.each(['10.0.0.0/8', 'git.example.org', '127.0.0.1:1'])('is not opened by %s', async (entry) => {
    await expect(http.request(`https://${host}/ok`, { reachable: [entry] })).rejects.toMatchObject({
      code: 'blocked-address',
    });
  });

  it('is asked over plain http only where that is said', async () => {
    await expect(http.request(`${base}/ok`, { reachable: [host] })).rejects.toMatchObject({ code: 'invalid-url' });
    expect((await http.request(`${base}/ok`, { reachable: [base] })).status).toBe(200);
  });

  it('may be reached through a range of addresses, and by nobody else', async () => {
    // It speaks no TLS: reached is enough.
    const reached = http.request(`https://${host}/ok`, { reachable: ['127.0.0.0/8'] });
    await expect(reached).rejects.toMatchObject({ code: 'http-failed' });
    await expect(http.request(`https://${host}/ok`)).rejects.toMatchObject({ code: 'blocked-address' });
  });
});

describe('a stream', () => {
  const text = async (body: AsyncIterable<Uint8Array>) => {
    let all = '';
    for await (const chunk of body) all += new TextDecoder().decode(chunk);
    return all;
  };

  it('comes as it is sent', async () => {
    const { status, headers, body } = await http.stream(`${base}/ok`, named());
    expect([status, headers['x-two'], await text(body)]).toEqual([200, 'a, b', 'hello']);
  });

  it('that is cut is told', async () => {
    const { body } = await http.stream(`${base}/cut`, named());
    await expect(text(body)).rejects.toMatchObject({ name: 'RetryableError', code: 'http-failed' });
  });

  it('that never ends is given up, however steadily it comes', async () => {
    const { body } = await http.stream(`${base}/trickle`, { ...named(), timeoutMs: 400 });
    await expect(text(body)).rejects.toMatchObject({ name: 'RetryableError', code: 'http-timeout' });
  });

  it('ends with the reason of the caller', async () => {
    const abort = new AbortController();
    const { body } = await http.stream(`${base}/slow-body`, { ...named(), signal: abort.signal });
    const reading = text(body);
    abort.abort(new Error('lease lost'));
    await expect(reading).rejects.toThrow('lease lost');
  });
});

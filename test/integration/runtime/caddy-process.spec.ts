import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminRequest } from '#runtime/caddy-admin';
import { openCaddy, stopCaddy, type Caddy } from '#runtime/caddy-process';
import type { ProxyConfig } from '#runtime/config';
import { createLogger } from '#runtime/logging';
import { isAlive, waitUntil } from '#runtime/process-file';
import { runDirectory } from '#runtime/run-dir';

const logger = createLogger({ app: 'test', level: 'silent' });
const anyPort: ProxyConfig = {
  kind: 'caddy',
  adminUrl: null,
  bind: '127.0.0.1',
  httpPort: 0,
  httpsPort: 0,
  traefikDir: null,
};
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'tf-caddy-'));
});

afterEach(async () => {
  await stopCaddy(dataDir);
  rmSync(runDirectory(dataDir), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
});

const open = (proxy: ProxyConfig = anyPort): Caddy => openCaddy({ dataDir, proxy, logger });
const pid = () => Number(readFileSync(join(dataDir, 'caddy.pid'), 'utf8'));

describe('our Caddy', () => {
  it('starts at the first request, has its admin on a socket alone and says that it is not ready', async () => {
    const caddy = open();
    expect(await caddy.admin('GET', '/config/admin/listen')).toBe(`unix/${join(runDirectory(dataDir), 'caddy.sock')}`);
    const { httpPort } = await caddy.ports();
    const answer = await fetch(`http://127.0.0.1:${httpPort}/`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
  });

  it('is adopted by the next process', async () => {
    await open().admin('GET', '/config/');
    const first = pid();
    await open().admin('GET', '/config/');
    expect(pid()).toBe(first);
  });

  it('is started once by two that want it at the same time', async () => {
    const [left, right] = await Promise.all([open().ports(), open().ports()]);
    expect(left).toEqual(right);
  });

  it('comes back after a crash with the configuration and the ports it had', async () => {
    const caddy = open();
    const ports = await caddy.ports();
    await caddy.admin('POST', '/config/apps/http/servers/tinyforge/routes/0/handle/0/status_code', 418);
    const first = pid();
    process.kill(first, 'SIGKILL');
    await waitUntil(() => !isAlive(first), 5_000, 5);
    await expect(caddy.admin('GET', '/config/')).rejects.toMatchObject({ code: 'proxy-unreachable' });
    expect(await caddy.ports()).toEqual(ports);
    expect((await fetch(`http://127.0.0.1:${ports.httpPort}/`)).status).toBe(418);
  });

  it('is not started beside somebody else on its port', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const failure = open({ ...anyPort, httpPort: port }).admin('GET', '/config/');
    await expect(failure).rejects.toMatchObject({
      code: 'proxy-port-taken',
      message: expect.stringContaining('TINYFORGE_HTTP_PORT') as string,
    });
    other.close();
  });

  it('is ended by name, and only once', async () => {
    await open().admin('GET', '/config/');
    const first = pid();
    expect(await stopCaddy(dataDir)).toBe(true);
    expect(isAlive(first)).toBe(false);
    expect(await stopCaddy(dataDir)).toBe(false);
  });

  it('tells what Caddy refused', async () => {
    await expect(open().admin('POST', '/load', { apps: { nonsense: {} } })).rejects.toMatchObject({
      code: 'proxy-refused',
    });
  });

  it('is left alone when an admin endpoint of yours is named', async () => {
    await open().admin('GET', '/config/');
    const endpoint = `unix://${join(runDirectory(dataDir), 'caddy.sock')}`;
    const yours = open({ ...anyPort, adminUrl: endpoint });
    expect(await yours.admin('GET', '/config/admin')).toEqual(
      await adminRequest(endpoint, { method: 'GET', path: '/config/admin' }),
    );
    await stopCaddy(dataDir);
    await expect(yours.admin('GET', '/config/')).rejects.toMatchObject({ code: 'proxy-unreachable' });
  });
});

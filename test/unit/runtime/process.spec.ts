import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointUrl, publishEndpoints } from '#runtime/endpoints';
import { createLogger } from '#runtime/logging';
import { withLock } from '#runtime/process-file';
import { dataDirHash, runDirectory, socketPath } from '#runtime/run-dir';
import { stopAll } from '#runtime/start';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tf-rt-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('publishEndpoints', () => {
  it('says where an app listens, and takes it back', async () => {
    const published = publishEndpoints({ dataDir: folder, app: 'api' }, { api: { host: '0.0.0.0', port: 1234 } });
    expect(JSON.parse(readFileSync(published.path, 'utf8'))).toMatchObject({
      app: 'api',
      pid: process.pid,
      ports: { api: 1234 },
      urls: { api: 'http://127.0.0.1:1234' },
    });
    expect(published.path).toBe(join(folder, 'endpoints', `api-${process.pid}.json`));
    await published.stop();
    expect(existsSync(published.path)).toBe(false);
  });

  it('removes what the dead left behind, and nothing else', async () => {
    await publishEndpoints({ dataDir: folder, app: 'api' }, {}).stop();
    // No pid reaches 2^22 (the kernel's largest pid_max).
    writeFileSync(join(folder, 'endpoints', 'api-4999999.json'), '{}');
    writeFileSync(join(folder, 'endpoints', 'api-1.json'), '{}');
    publishEndpoints({ dataDir: folder, app: 'reconciler' }, {});
    expect(readdirSync(join(folder, 'endpoints')).sort()).toEqual(['api-1.json', `reconciler-${process.pid}.json`]);
  });

  it('writes IPv6 in brackets', () => {
    expect(endpointUrl({ host: '::1', port: 80 })).toBe('http://[::1]:80');
  });
});

describe('runDirectory', () => {
  it.runIf(process.getuid?.() === 0)('is short, of ours and the same for every spelling of a data folder', () => {
    const run = runDirectory(folder, {});
    expect(run).toBe(`/run/tiny-forge/${dataDirHash(`${folder}/../${folder.split('/').at(-1)}`)}`);
    expect(statSync(run).mode & 0o777).toBe(0o711);
    rmSync(run, { recursive: true });
  });

  it('refuses a socket path that the kernel would cut', () => {
    expect(socketPath('/run', 'a.sock')).toBe('/run/a.sock');
    expect(() => socketPath(`/run/${'x'.repeat(100)}`, 'a.sock')).toThrow(/107 is the most/);
    // 107 bytes, not characters.
    expect(() => socketPath(`/run/${'é'.repeat(55)}`, 'a')).toThrow(/XDG_RUNTIME_DIR/);
  });
});

describe('withLock', () => {
  it('lets one in at a time, and the next one after a failure', async () => {
    const lock = join(folder, 'lock');
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} in`);
      await new Promise((next) => setImmediate(next));
      order.push(`${name} out`);
    };
    const failing = withLock(lock, async () => {
      await work('a')();
      throw new Error('no');
    });
    await Promise.allSettled([failing, withLock(lock, work('b')), withLock(lock, work('c'))]);
    expect(order.map((line) => line.split(' ')[1])).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
    expect(existsSync(lock)).toBe(false);
  });
});

describe('stopAll', () => {
  const logger = createLogger({ app: 'test', level: 'silent' });

  it('stops in the order given, goes on after a failure and says so', async () => {
    const order: string[] = [];
    const part = (name: string, fails = false) => ({
      name,
      stop: async () => {
        order.push(name);
        if (fails) throw new Error('no');
      },
    });
    expect(await stopAll([part('a'), part('b'), part('c')], { logger, stopMs: 1000, why: 'test' })).toBe(true);
    expect(await stopAll([part('d', true), part('e')], { logger, stopMs: 1000, why: 'test' })).toBe(false);
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('does not wait for ever', async () => {
    const hanging = { name: 'hanging', stop: () => new Promise(() => {}) };
    expect(await stopAll([hanging], { logger, stopMs: 50, why: 'test' })).toBe(false);
  });
});

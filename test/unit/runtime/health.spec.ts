import { afterEach, describe, expect, it } from 'vitest';
import { createHealth, type Health } from '#runtime/health';
import { startHealthServer } from '#runtime/health-routes';
import { createMetrics } from '#runtime/metrics';

const servers: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(health: Health): Promise<string> {
  const server = await startHealthServer({ health, metrics: createMetrics('test'), port: 0, bind: '127.0.0.1' });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

describe('health', () => {
  it('is ready when all checks pass, and says what they say', async () => {
    const health = createHealth();
    health.add('database', async () => '3 ms');
    const answer = await fetch(`${await serve(health)}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'ready', checks: [{ name: 'database', ok: true, detail: '3 ms' }] },
    ]);
  });

  it('is not ready when one fails, lives all the same, and gives no password away', async () => {
    const health = createHealth();
    health.add('docker', async () => {});
    health.add('database', async () => {
      throw new Error('cannot reach postgres://u:canary@h');
    });
    const base = await serve(health);
    const answer = await fetch(`${base}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      status: 'not-ready',
      checks: [
        { name: 'docker', ok: true, detail: '' },
        { name: 'database', ok: false, detail: 'cannot reach postgres://***@h' },
      ],
    });
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  it('is not ready from the moment it drains', async () => {
    const health = createHealth();
    const base = await serve(health);
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    health.drain();
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
  });

  it('does not wait for a check that hangs', async () => {
    const health = createHealth();
    health.add('engine', () => new Promise(() => {}));
    expect(await health.readiness()).toMatchObject({
      status: 'not-ready',
      checks: [{ detail: 'no answer within 2 s' }],
    });
  });

  it('asks once for probes that come together', async () => {
    const health = createHealth();
    let asked = 0;
    health.add('database', async () => void (asked += 1));
    await Promise.all([health.readiness(), health.readiness(), health.readiness()]);
    expect(asked).toBe(1);
  });

  it('serves metrics', async () => {
    const answer = await fetch(`${await serve(createHealth())}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toMatch(/process_resident_memory_bytes\{app="test"\} \d+/);
  });
});

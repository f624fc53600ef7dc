import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { bodyOf, freePort, listen, logged, unique, type Bench } from './docker-bench.js';

/** A container’s life. */
export function runningContract(bench: Bench): void {
  describe('running', () => {
    it('publishes the port on loopback alone and answers there', async () => {
      const host = await freePort();
      const id = await bench.run({ ports: [{ container: 8080, host }] });
      expect((await bench.inspect(id)).hostPorts).toEqual({ 8080: host });
      await expect.poll(() => bodyOf(`http://127.0.0.1:${host}/`), { timeout: 5_000 }).toBe('1');
    });

    it('gives environment and command', async () => {
      const id = await bench.run({
        env: { GREETING: 'hé=llo "you"' },
        command: ['sh', '-c', 'echo "$GREETING $0" ', 'a b'],
      });
      await bench.ended(id);
      expect(await bench.docker.tailLogs(id, 5)).toEqual([{ stream: 'stdout', line: 'hé=llo "you" a b' }]);
    });

    it('starts twice without harm', async () => {
      const id = await bench.run();
      await bench.docker.startContainer(id);
      expect(await bench.inspect(id)).toMatchObject({ state: 'running', running: true, exitCode: null });
      expect((await bench.inspect(id)).startedAt).toMatch(/^\d{4}-.*Z$/);
    });

    it('says port-taken for a host port in use', async () => {
      const server = createServer();
      const host = await listen(server);
      const id = await bench.create(bench.specOf({ ports: [{ container: 8080, host }] }));
      await expect(bench.docker.startContainer(id)).rejects.toMatchObject({
        name: 'TerminalError',
        code: 'port-taken',
      });
      await new Promise((resolve) => server.close(resolve));
      await bench.docker.startContainer(id);
      expect((await bench.inspect(id)).running).toBe(true);
    });

    it('says port-taken for one that another container holds', async () => {
      const host = await freePort();
      await bench.run({ ports: [{ container: 8080, host }] });
      await expect(bench.run({ ports: [{ container: 8080, host }] })).rejects.toMatchObject({ code: 'port-taken' });
    });

    it('refuses for good a command that is not in the image', async () => {
      const id = await bench.create(bench.specOf({ command: ['/no/such/program'] }));
      await expect(bench.docker.startContainer(id)).rejects.toMatchObject({
        name: 'TerminalError',
        code: 'docker-rejected',
      });
    });

    it('refuses to start what is not there', async () => {
      await expect(bench.docker.startContainer(unique('tf-none'))).rejects.toMatchObject({
        name: 'TerminalError',
        code: 'docker-rejected',
      });
    });

    it('tells the exit code', async () => {
      const id = await bench.run({ image: bench.under.images.exits });
      await bench.ended(id);
      expect(await bench.inspect(id)).toMatchObject({ state: 'exited', exitCode: 3, oomKilled: false });
    });

    it('restarts under unless-stopped and counts it', async () => {
      const id = await bench.run({ image: bench.under.images.exits, restart: 'unless-stopped' });
      await expect.poll(async () => (await bench.inspect(id)).restartCount, { timeout: 10_000 }).toBeGreaterThan(0);
      await bench.docker.stopContainer(id, 1);
      expect((await bench.inspect(id)).running).toBe(false);
    });

    it('follows the health check of the image', async () => {
      const id = await bench.run({ image: bench.under.images.checked });
      await expect.poll(async () => (await bench.inspect(id)).health, { timeout: 10_000 }).toBe('healthy');
    });
  });

  describe('stop and remove', () => {
    it('lets the program end by itself', async () => {
      const id = await bench.run();
      await logged(bench.docker, id, 'demo 1 listens');
      await bench.docker.stopContainer(id, 10);
      expect(await bench.inspect(id)).toMatchObject({ running: false, exitCode: 0 });
    });

    it('kills one that does not listen, after the seconds given', async () => {
      const id = await bench.run({ command: ['sleep', '600'] });
      await bench.docker.stopContainer(id, 1);
      expect(await bench.inspect(id)).toMatchObject({ running: false, exitCode: 137 });
    });

    it('takes stopped, never started and absent as stopped', async () => {
      const id = await bench.create(bench.specOf());
      await bench.docker.stopContainer(id, 1);
      await bench.docker.startContainer(id);
      await bench.docker.stopContainer(id, 5);
      await bench.docker.stopContainer(id, 5);
      await expect(bench.docker.stopContainer(unique('tf-none'), 1)).resolves.toBeUndefined();
    });

    it('removes a running one, and takes absent as removed', async () => {
      const id = await bench.run();
      await Promise.all([bench.docker.removeContainer(id), bench.docker.removeContainer(id)]);
      expect(await bench.docker.inspectContainer(id)).toBeNull();
      await expect(bench.docker.removeContainer(id)).resolves.toBeUndefined();
    });
  });
}

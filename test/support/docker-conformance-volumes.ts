import { describe, expect, it } from 'vitest';
import type { LogLine } from '#docker/docker';
import { unique, type Bench } from './docker-bench.js';

/** Data that outlives containers, and what a program says while it runs. */
export function volumesContract(bench: Bench): void {
  const volume = (): string => {
    const name = unique('tf-conf-vol');
    bench.volumes.push(name);
    return name;
  };
  const ran = async (command: string, mounts: NonNullable<Parameters<Bench['specOf']>[0]>['mounts']) => {
    const id = await bench.run({ command: ['sh', '-c', command], mounts });
    await bench.ended(id);
    return (await bench.docker.tailLogs(id, 10)).map(({ line }) => line);
  };

  describe('volumes', () => {
    it('are null before they are made, and keep the labels of who made them', async () => {
      const name = volume();
      expect(await bench.docker.inspectVolume(name)).toBeNull();
      const made = { name, labels: { whose: 'mine' }, driver: 'local', options: {} };
      expect(await bench.docker.createVolume({ name, labels: { whose: 'mine' } })).toEqual(made);
      expect(await bench.docker.createVolume({ name, labels: { whose: 'theirs' } })).toEqual(made);
      expect(await bench.docker.inspectVolume(name)).toEqual(made);
    });

    it('outlive the container, and are read-only where that is asked', async () => {
      const source = volume();
      await bench.docker.createVolume({ name: source, labels: {} });
      const at = { type: 'volume' as const, source, target: '/data' };
      await ran('echo kept > /data/file', [{ ...at, readOnly: false }]);
      expect(await ran('cat /data/file; echo no > /data/file || echo refused', [{ ...at, readOnly: true }])).toEqual(
        expect.arrayContaining(['kept', 'refused']),
      );
    });

    it('of memory are empty each time', async () => {
      const mounts = [{ type: 'tmpfs' as const, target: '/scratch' }];
      expect(await ran('ls /scratch; echo x > /scratch/y && echo written', mounts)).toEqual(['written']);
      expect(await ran('ls /scratch; echo done', mounts)).toEqual(['done']);
    });

    it('are not removed from under a container, and twice is once', async () => {
      const source = volume();
      await bench.docker.createVolume({ name: source, labels: {} });
      const id = await bench.create(
        bench.specOf({ mounts: [{ type: 'volume', source, target: '/data', readOnly: false }] }),
      );
      const taken = bench.docker.removeVolume(source);
      await expect(taken).rejects.toMatchObject({ name: 'TerminalError', code: 'volume-in-use' });
      await bench.docker.removeContainer(id);
      await bench.docker.removeVolume(source);
      await bench.docker.removeVolume(source);
      expect(await bench.docker.inspectVolume(source)).toBeNull();
    });

    it.each(['../x', '', 'a/b', '-v'])('refuse %j as a name', async (name) => {
      const labels = {};
      await expect(bench.docker.createVolume({ name, labels })).rejects.toMatchObject({ code: 'docker-rejected' });
    });

    it('of a host path that is not there are refused, never made', async () => {
      const source = `/nonexistent/${unique('tf-conf')}`;
      const spec = bench.specOf({ mounts: [{ type: 'bind', source, target: '/data', readOnly: false }] });
      await expect(bench.docker.createContainer(spec)).rejects.toMatchObject({ code: 'docker-rejected' });
    });
  });

  describe('volumeSizes', () => {
    it('counts what a volume holds', async () => {
      const name = unique('tf-conf-vol');
      bench.volumes.push(name);
      await bench.docker.createVolume({ name, labels: {} });
      const mounts = [{ type: 'volume' as const, source: name, target: '/data', readOnly: false }];
      const id = await bench.run({ mounts, command: ['sh', '-c', 'cat /bin/busybox > /data/some'] });
      await bench.ended(id);
      const sizes = await bench.docker.volumeSizes();
      expect(sizes.get(name)).toBeGreaterThan(100_000);
      expect(sizes.get(unique('none'))).toBeUndefined();
    });
  });

  describe('followLogs', () => {
    it('gives every line from the first on, while it runs, until it ends', async () => {
      const script = 'echo one; echo two >&2; while ! test -f /go; do usleep 20000; done; echo -n three';
      const id = await bench.run({ command: ['sh', '-c', script] });
      const lines: LogLine[] = [];
      const { promise: isLive, resolve } = Promise.withResolvers<void>();
      const following = bench.docker.followLogs(id, (line) => {
        lines.push(line);
        if (lines.length === 2) resolve();
      });
      await isLive;
      expect((await bench.inspect(id)).running).toBe(true);
      await bench.docker.stopContainer(id, 0);
      await following;
      expect(lines.map(({ line }) => line).sort()).toEqual(['one', 'two']);
      const again: LogLine[] = [];
      await bench.docker.followLogs(id, (line) => again.push(line));
      expect(again).toEqual(lines);
    });

    it('ends with the signal', async () => {
      const id = await bench.run();
      const end = new AbortController();
      const following = bench.docker.followLogs(id, () => end.abort(new Error('enough')), end.signal);
      await expect(following).rejects.toThrow('enough');
    });
  });
}

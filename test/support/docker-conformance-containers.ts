import { describe, expect, it } from 'vitest';
import { unique, type Bench } from './docker-bench.js';

/** Making containers and networks, and looking at them. */
export function containersContract(bench: Bench): void {
  describe('createContainer', () => {
    it('makes what the spec says, not running', async () => {
      const spec = bench.specOf({ env: { GREETING: 'hé=llo "you"' } });
      const id = await bench.create(spec);
      expect(await bench.inspect(id)).toMatchObject({
        id,
        name: spec.name,
        image: spec.image,
        labels: spec.labels,
        state: 'created',
        running: false,
        exitCode: null,
        startedAt: null,
        health: 'none',
      });
    });

    it('adopts a container of the same name and deployment', async () => {
      const spec = bench.specOf();
      expect(await bench.docker.createContainer(spec)).toEqual({ id: await bench.create(spec) });
    });

    it('gives one container to callers at the same time', async () => {
      const spec = bench.specOf();
      const made = await Promise.all([1, 2, 3, 4].map(() => bench.docker.createContainer(spec)));
      bench.containers.push(made[0]!.id);
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    });

    it.each<Record<string, string>[]>([
      [{ 'tinyforge.deployment.id': 'another' }, { 'tinyforge.deployment.id': 'mine' }],
      [{}, { 'tinyforge.deployment.id': 'mine' }],
      [{}, {}],
    ])('refuses a name that a container labelled %j holds to one labelled %j', async (theirs, mine) => {
      const spec = bench.specOf({ labels: theirs });
      await bench.create(spec);
      const again = bench.docker.createContainer({ ...spec, labels: mine });
      await expect(again).rejects.toMatchObject({ name: 'TerminalError', code: 'container-foreign' });
    });

    it('says no-such-image for an image that is not on the host', async () => {
      const made = bench.docker.createContainer(bench.specOf({ image: bench.under.absent.local }));
      await expect(made).rejects.toMatchObject({ name: 'TerminalError', code: 'no-such-image' });
    });

    it('refuses a name that is none', async () => {
      await expect(bench.docker.createContainer(bench.specOf({ name: '../x' }))).rejects.toMatchObject({
        code: 'docker-rejected',
      });
    });
  });

  describe('looking', () => {
    it('inspects by name as by id, and answers null for none', async () => {
      const spec = bench.specOf();
      const id = await bench.create(spec);
      expect(await bench.inspect(spec.name)).toEqual(await bench.inspect(id));
      expect(await bench.docker.inspectContainer(unique('tf-none'))).toBeNull();
    });

    it('lists those that carry every label, stopped ones too', async () => {
      const mark = unique('mark');
      const both = await bench.create(bench.specOf({ labels: { mark, colour: 'red' } }));
      const one = await bench.run({ labels: { mark } });
      const ids = async (...labels: string[]) => (await bench.docker.listContainers(labels)).map(({ id }) => id).sort();
      expect(await ids(`mark=${mark}`)).toEqual([both, one].sort());
      expect(await ids(`mark=${mark}`, 'colour')).toEqual([both]);
      expect(await ids(`mark=${mark}`, 'colour=blue')).toEqual([]);
      const [found] = await bench.docker.listContainers([`mark=${mark}`, 'colour=red']);
      const { name, image, state, labels, imageId, running, exitCode, health } = await bench.inspect(both);
      expect(found).toMatchObject({ id: both, name, image, state, labels, imageId, running, exitCode, health });
    });

    it('tails both streams, oldest first', async () => {
      const script =
        'for i in 1 2 3 4; do echo "out $i"; usleep 20000; echo "err ü $i" >&2; usleep 20000; done; echo -n open';
      const id = await bench.run({ command: ['sh', '-c', script] });
      await bench.ended(id);
      expect(await bench.docker.tailLogs(id, 4)).toEqual([
        { stream: 'stderr', line: 'err ü 3' },
        { stream: 'stdout', line: 'out 4' },
        { stream: 'stderr', line: 'err ü 4' },
        { stream: 'stdout', line: 'open' },
      ]);
    });

    it('keeps a tail of long lines within 64 KiB', async () => {
      const script = 'i=0; while [ $i -lt 40 ]; do printf "%05000d\\n" $i; i=$((i+1)); done';
      const id = await bench.run({ command: ['sh', '-c', script] });
      await bench.ended(id);
      const lines = await bench.docker.tailLogs(id, 1_000);
      expect(lines).toHaveLength(13);
      expect(lines.at(-1)?.line).toMatch(/^0+39$/);
    });
  });

  describe('ensureNetwork', () => {
    it('makes one network, also for callers at the same time', async () => {
      const spec = { name: unique('tf-conf-net'), labels: { a: 'b' }, interContainer: true };
      bench.networks.push(spec.name);
      await Promise.all([1, 2, 3, 4].map(() => bench.docker.ensureNetwork(spec)));
      await bench.docker.ensureNetwork(spec);
      const id = await bench.run({ network: spec.name });
      expect(await bench.inspect(id)).toMatchObject({ running: true });
    });

    it('refuses one that is somebody else’s', async () => {
      const spec = { name: unique('tf-conf-net'), labels: {}, interContainer: false };
      bench.networks.push(spec.name);
      await bench.under.foreignNetwork(spec.name);
      await expect(bench.docker.ensureNetwork(spec)).rejects.toMatchObject({
        name: 'TerminalError',
        code: 'network-foreign',
      });
    });

    it('refuses ours where its rule between containers differs', async () => {
      const again = bench.docker.ensureNetwork({ name: bench.network, labels: {}, interContainer: true });
      await expect(again).rejects.toMatchObject({ code: 'network-foreign' });
    });

    it('keeps to its addresses, says when another network has them, and goes when nobody stands on it', async () => {
      const subnet = `10.213.${Math.floor(Math.random() * 256)}.64/26`;
      const spec = { name: unique('tf-conf-net'), labels: {}, interContainer: true, subnet };
      bench.networks.push(spec.name);
      await bench.docker.ensureNetwork(spec);
      const other = { ...spec, name: unique('tf-conf-net') };
      await expect(bench.docker.ensureNetwork(other)).rejects.toMatchObject({ code: 'subnet-taken' });
      const id = await bench.run({ network: spec.name, alias: 'somebody' });
      expect(await bench.docker.removeNetwork(spec.name)).toBe(false);
      await bench.docker.removeContainer(id);
      expect(await bench.docker.removeNetwork(spec.name)).toBe(true);
      expect(await bench.docker.removeNetwork(spec.name)).toBe(true);
    });
  });
}

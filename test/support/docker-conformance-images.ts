import { describe, expect, it } from 'vitest';
import { unique, type Bench } from './docker-bench.js';
import { contextOf } from './context.js';

/** The engine itself, and images. */
export function imagesContract(bench: Bench): void {
  describe('ping', () => {
    it('tells version and platform', async () => {
      const version = await bench.docker.ping();
      expect(version.apiVersion).toMatch(/^1\.\d+$/);
      expect(version.os).toBe('linux');
      expect(version.version).not.toBe('');
      expect(version.arch).not.toBe('');
    });

    it('ends with the reason of its signal', async () => {
      const reason = new Error('lease lost');
      await expect(bench.docker.ping(AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });

  describe('images', () => {
    it('inspects one on the host', async () => {
      const image = await bench.docker.inspectImage(bench.under.images.ok);
      expect(image).toMatchObject({ os: 'linux', hasHealthcheck: false });
      expect(image?.id).toMatch(/^sha256:/);
      expect(await bench.docker.inspectImage(image!.id)).toEqual(image);
    });

    it('knows a HEALTHCHECK', async () => {
      expect(await bench.docker.inspectImage(bench.under.images.checked)).toMatchObject({ hasHealthcheck: true });
    });

    it('answers null for one that is not there', async () => {
      expect(await bench.docker.inspectImage(bench.under.absent.local)).toBeNull();
    });

    it.each(['../../containers/json', 'a b', 'repo?x=1', '', 'a//b'])(
      'refuses %j as a reference',
      async (reference) => {
        await expect(bench.docker.inspectImage(reference)).rejects.toMatchObject({ code: 'docker-rejected' });
      },
    );

    it.each(['tag', 'digest'] as const)('pulls by %s and finds the image under that name', async (by) => {
      expect(await bench.docker.inspectImage(bench.under.remote[by])).toBeNull();
      const lines: string[] = [];
      const image = await bench.docker.pull(bench.under.remote[by], {
        credential: null,
        platform: null,
        progress: (line) => lines.push(line),
      });
      expect(image.repoDigests).toContain(bench.under.remote.digest);
      expect(await bench.docker.inspectImage(bench.under.remote[by])).toEqual(image);
      expect(lines.length).toBeGreaterThan(0);
      expect(new Set(lines).size).toBe(lines.length);
    });

    it('pulls what is there already', async () => {
      const options = { credential: null, platform: null, progress: () => {} };
      const first = await bench.docker.pull(bench.under.remote.digest, options);
      expect(await bench.docker.pull(bench.under.remote.digest, options)).toEqual(first);
    });

    it('fails for good where the registry has no such image', async () => {
      const pulled = bench.docker.pull(bench.under.absent.remote, {
        credential: null,
        platform: null,
        progress: () => {},
      });
      await expect(pulled).rejects.toMatchObject({ name: 'TerminalError', code: 'no-such-image' });
    });

    it('refuses an image of another platform', async () => {
      const pulled = bench.docker.pull(bench.under.remote.tag, {
        credential: null,
        platform: 'linux/s390x',
        progress: () => {},
      });
      await expect(pulled).rejects.toMatchObject({ name: 'TerminalError', code: 'wrong-platform' });
    });
  });

  describe('building', () => {
    const plain = { progress: () => {}, labels: { 'tf.test': 'a "quoted" label' } };

    it('makes an image from a context, with its labels', async () => {
      const tag = `tf-conformance/built:${unique('t')}`;
      const lines: string[] = [];
      const context = contextOf({ Dockerfile: `FROM ${bench.under.images.ok}\nCOPY hello /hello\n`, hello: 'world' });
      const built = await bench.docker.build({ ...plain, context, tag, progress: (line) => lines.push(line) });
      expect(built.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(built.labels).toMatchObject(plain.labels);
      expect(await bench.docker.inspectImage(tag)).toEqual(built);
      expect(lines.length).toBeGreaterThan(0);
      await bench.under.removeImage(tag);
    });

    it('fails with what made the context', async () => {
      const broken = (async function* () {
        yield new Uint8Array(1024);
        throw new RangeError('the disk is gone');
      })();
      const tag = `tf-conformance/built:${unique('t')}`;
      await expect(bench.docker.build({ ...plain, context: broken, tag })).rejects.toThrow('the disk is gone');
      expect(await bench.docker.inspectImage(tag)).toBeNull();
    });

    it('ends with the reason of its signal', async () => {
      const never = (async function* () {
        yield new Uint8Array(1024);
        await new Promise(() => {});
      })();
      const reason = new Error('lease lost');
      const signal = AbortSignal.timeout(100);
      const abort = new AbortController();
      signal.addEventListener('abort', () => abort.abort(reason));
      const tag = `tf-conformance/built:${unique('t')}`;
      await expect(bench.docker.build({ ...plain, context: never, tag, signal: abort.signal })).rejects.toBe(reason);
    });

    it.each(['a b', '../x', 'a//b'])('refuses %j as a name', async (tag) => {
      const context = contextOf({ Dockerfile: 'FROM scratch\n' });
      await expect(bench.docker.build({ ...plain, context, tag })).rejects.toMatchObject({ code: 'docker-rejected' });
    });
  });
}

import { randomBytes } from 'node:crypto';
import { link, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '#domain/errors';
import { extractTree } from '#plugins/archive/extract';
import { TREE_LIMITS, type TreeLimits } from '#plugins/archive/tree-rules';
import { verifyTree } from '#plugins/archive/verify';
import { stepSurroundings, type Surroundings } from '../../../support/step-surroundings.js';

let around: Surroundings;
beforeEach(() => (around = stepSurroundings()));
afterEach(() => around.io.files.clear());

describe('a tree', () => {
  it('is unpacked without the directory at its root', async () => {
    const items: Item[] = [['repo/'], ['repo/index.html', 'hello'], ['repo/a/b.txt', 'there']];
    expect(await unpack(items)).toEqual({ files: 2, bytes: 10 });
    expect(await listing()).toEqual(['tree', 'tree/a', 'tree/a/b.txt', 'tree/index.html']);
  });

  it('is the folder that is wanted, and nothing beside it', async () => {
    const items: Item[] = [
      ['repo/README.md', 'x'],
      ['repo/docs/index.html', 'hello'],
      ['repo/docsets/a', 'no'],
    ];
    expect(await unpack(items, { folder: 'docs' })).toEqual({ files: 1, bytes: 5 });
    expect(await listing()).toEqual(['tree', 'tree/index.html']);
  });

  it('keeps neither modes nor owners, and goes away whatever it said', async () => {
    await unpack([
      ['repo/locked/', '', { mode: 0 }],
      ['repo/locked/a', 'x', { mode: 0o6755, uid: 0 }],
    ]);
    expect((await stat(join(around.root, 'tree/locked/a'))).mode & 0o7777).toBe(0o600);
    await around.io.files.clear();
    expect(await around.io.files.stat('')).toBeNull();
  });

  it.each<[what: string, code: string, items: readonly Item[], limits?: Partial<TreeLimits>]>([
    [
      'leaves its root',
      'tree-unsafe',
      [
        ['repo/a', 'x'],
        ['repo/../../evil', 'x'],
      ],
    ],
    ['begins outside', 'tree-unsafe', [['../evil', 'x']]],
    ['is absolute', 'tree-unsafe', [['/etc/passwd', 'x']]],
    ['holds a symbolic link', 'tree-unsafe', [['repo/a', '', { type: 'symlink', linkname: '/etc/passwd' }]]],
    [
      'writes through a link',
      'tree-unsafe',
      [
        ['repo/a', '', { type: 'symlink', linkname: '/tmp' }],
        ['repo/a/b', 'x'],
      ],
    ],
    ['holds a hard link', 'tree-unsafe', [['repo/a', '', { type: 'link', linkname: '/etc/passwd' }]]],
    ['holds a device', 'tree-unsafe', [['repo/a', '', { type: 'character-device', devmajor: 1, devminor: 5 }]]],
    ['holds a fifo', 'tree-unsafe', [['repo/a', '', { type: 'fifo' }]]],
    [
      'has a second root',
      'tree-unsafe',
      [
        ['repo/a', 'x'],
        ['other/a', 'x'],
      ],
    ],
    [
      'has a name twice',
      'tree-unsafe',
      [
        ['repo/a', 'x'],
        ['repo/a', 'y'],
      ],
    ],
    [
      'has a file that is a directory',
      'tree-unsafe',
      [
        ['repo/a', 'x'],
        ['repo/a/b', 'y'],
      ],
    ],
    ['has a backslash', 'tree-unsafe', [['repo/..\\evil', 'x']]],
    ['has a line break in a name', 'tree-unsafe', [['repo/a\rb', 'x']]],
    ['is too deep', 'tree-unsafe', [[`repo/${'d/'.repeat(60)}a`, 'x']]],
    ['has too long a name', 'tree-unsafe', [[`repo/${'n'.repeat(300)}`, 'x']]],
    [
      'has too many entries',
      'tree-too-large',
      Array.from({ length: 20 }, (_, n) => [`repo/${n}`, 'x'] as const),
      { entries: 10 },
    ],
    ['is a bomb', 'tree-too-large', [['repo/zeros', '\0'.repeat(4 * 1024 * 1024)]], { bytes: 1024 * 1024 }],
    ['is too large as it is sent', 'tree-too-large', [['repo/a', 'x']], { archiveBytes: 20 }],
    ['is empty', 'no-such-folder', [['repo/']]],
  ])('that %s is refused as %s', async (_what, code, items, limits = {}) => {
    await expect(unpack(items, { limits })).rejects.toMatchObject({ name: 'TerminalError', code });
    const outside = (await listing()).filter((path) => path.includes('evil') || path.includes('passwd'));
    expect(outside).toEqual([]);
  });

  it('that has no such folder is refused', async () => {
    const unpacked = unpack([['repo/a', 'x']], { folder: 'docs' });
    await expect(unpacked).rejects.toMatchObject({ code: 'no-such-folder', message: expect.stringContaining('docs') });
  });

  it('that was cut is asked for once more, and what is no archive is not', async () => {
    const whole = await archiveOf([['repo/a', randomBytes(50_000).toString('hex')]]);
    await expect(extract(whole.subarray(0, 20_000))).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'archive-cut',
    });
    const page = Buffer.from('<!doctype html><title>Sign in</title>');
    await expect(extract(page)).rejects.toMatchObject({ name: 'TerminalError', code: 'archive-invalid' });
    const noTar = gzipSync(Buffer.alloc(2048, 'x'));
    await expect(extract(noTar)).rejects.toMatchObject({ name: 'TerminalError', code: 'archive-invalid' });
  });

  it('passes on what broke the download', async () => {
    const broken = (async function* () {
      yield (await archiveOf([['repo/a', 'x']])).subarray(0, 30);
      throw new RetryableError('provider-unreachable', 'cut');
    })();
    await expect(extract(broken)).rejects.toMatchObject({ code: 'provider-unreachable' });
  });
});

describe('the second look', () => {
  it.each<[what: string, plant: (at: string) => Promise<void>]>([
    ['a symbolic link', (at) => symlink('/etc/passwd', join(at, 'x'))],
    ['a hard link', (at) => link(join(at, 'a'), join(at, 'x'))],
  ])('finds %s that came there some other way', async (_what, plant) => {
    await unpack([['repo/a', 'x']]);
    await plant(join(around.root, 'tree'));
    await expect(verifyTree(around.io.files, 'tree', TREE_LIMITS)).rejects.toMatchObject({ code: 'tree-unsafe' });
  });
});

type Item = readonly [name: string, content?: string, header?: object];

async function unpack(
  items: readonly Item[],
  { folder = '', limits = {} }: { folder?: string; limits?: Partial<TreeLimits> } = {},
) {
  const found = await extract(await archiveOf(items), { folder, limits });
  expect(await verifyTree(around.io.files, 'tree', TREE_LIMITS)).toEqual(found);
  return found;
}

function extract(
  archive: Buffer | AsyncIterable<Uint8Array>,
  { folder = '', limits = {} }: { folder?: string; limits?: Partial<TreeLimits> } = {},
) {
  const all = { files: around.io.files, into: 'tree', folder, limits: { ...TREE_LIMITS, ...limits } };
  return extractTree(Buffer.isBuffer(archive) ? chunked(archive) : archive, all);
}

async function archiveOf(items: readonly Item[]): Promise<Buffer> {
  const tar = pack();
  for (const [name, content = '', header = {}] of items)
    tar.entry({ name, ...(name.endsWith('/') && { type: 'directory' as const }), ...header }, content);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return gzipSync(Buffer.concat(chunks));
}

async function* chunked(bytes: Buffer, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function listing(): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of around.io.files.walk('')) paths.push(path);
  return paths;
}

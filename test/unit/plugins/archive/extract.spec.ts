import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractTree } from '#plugins/archive/extract';
import { TREE_LIMITS, type TreeLimits } from '#plugins/archive/tree-rules';
import { verifyTree } from '#plugins/archive/verify';
import { stepSurroundings, type Surroundings } from '../../../support/step-surroundings.js';

let around: Surroundings;
beforeEach(() => (around = stepSurroundings()));
afterEach(() => around.io.files.clear());

describe('a tree', () => {
  it('is unpacked without the directory at its root', async () => {
    expect(await unpack([['repo/'], ['repo/index.html', 'hello'], ['repo/a/b.txt', 'there']])).toEqual({
      files: 2,
      bytes: 10,
    });
    expect(await listing()).toEqual(['tree', 'tree/a', 'tree/a/b.txt', 'tree/index.html']);
  });
});

type Item = readonly [name: string, content?: string, header?: object];

async function unpack(
  items: readonly Item[],
  { folder = '', limits = {} }: { folder?: string; limits?: Partial<TreeLimits> } = {},
) {
  const found = await extractTree(chunked(await archiveOf(items)), {
    files: around.io.files,
    into: 'tree',
    folder,
    limits: { ...TREE_LIMITS, ...limits },
  });
  expect(await verifyTree(around.io.files, 'tree', TREE_LIMITS)).toEqual(found);
  return found;
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

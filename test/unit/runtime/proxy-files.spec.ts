import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { proxyFiles } from '#runtime/proxy-files';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'tf-files-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('writes whole files that nobody else reads, in a directory that it makes', async () => {
  const files = proxyFiles(join(directory, 'new'));
  expect(await files.list()).toEqual([]);
  await files.write('a.yml', 'one');
  await files.write('a.yml', 'two');
  expect([await files.list(), await files.read('a.yml')]).toEqual([['a.yml'], 'two']);
  expect(readdirSync(join(directory, 'new'))).toEqual(['a.yml']);
  expect(statSync(join(directory, 'new', 'a.yml')).mode & 0o777).toBe(0o600);
  await files.remove('a.yml');
  await files.remove('a.yml');
  expect(await files.list()).toEqual([]);
});

it.each(['../a', 'a/b', '', '.a', '/etc/x', 'a\0b'])('takes no name such as %j', async (name) => {
  const files = proxyFiles(directory);
  await expect(async () => files.write(name, '')).rejects.toThrow('no plain file name');
  await expect(async () => files.read(name)).rejects.toThrow('no plain file name');
});

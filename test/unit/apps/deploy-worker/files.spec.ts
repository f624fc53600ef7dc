import { mkdir, mkdtemp, readdir, rm, symlink, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileEntry, FilesIo } from '#plugins/files';
import { createFiles } from '../../../../apps/deploy-worker/src/files.js';

let folder: string;
let files: FilesIo;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tf-files-'));
  files = createFiles(join(folder, 'work', 'd1'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
async function textOf(path: string): Promise<string> {
  let text = '';
  for await (const chunk of files.read(path)) text += new TextDecoder().decode(chunk);
  return text;
}
async function listOf(path: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const entry of files.walk(path)) entries.push(entry);
  return entries;
}

describe('the files of a deployment', () => {
  it('are written, walked and read', async () => {
    await files.makeDirectory('tree/b');
    await files.write('tree/b/two.txt', bytes('two'));
    await files.write(
      'tree/a.txt',
      (async function* () {
        yield bytes('o');
        yield bytes('ne');
      })(),
    );
    expect(await textOf('tree/a.txt')).toBe('one');
    expect(
      (await listOf('tree')).map(({ path, kind, bytes: size }) => [path, kind, kind === 'file' ? size : 0]),
    ).toEqual([
      ['tree/a.txt', 'file', 3],
      ['tree/b', 'directory', 0],
      ['tree/b/two.txt', 'file', 3],
    ]);
    expect(await files.stat('tree/b/two.txt')).toMatchObject({ kind: 'file', bytes: 3, links: 1 });
    expect([await files.stat('none'), await files.stat('tree/a.txt/below')]).toEqual([null, null]);
  });

  it.each(['..', '../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a/.', 'a\0b'])(
    'do not leave their root: %j',
    async (path) => {
      const refusal = { name: 'TerminalError', code: 'tree-unsafe' };
      await expect(async () => files.makeDirectory(path)).rejects.toMatchObject(refusal);
      await expect(async () => files.write(path, bytes('x'))).rejects.toMatchObject(refusal);
      await expect(async () => files.stat(path)).rejects.toMatchObject(refusal);
      await expect(async () => files.clear(path)).rejects.toMatchObject(refusal);
      await expect(listOf(path)).rejects.toMatchObject(refusal);
      await expect(textOf(path)).rejects.toMatchObject(refusal);
    },
  );

  it('follow no symbolic link, neither to read nor to write', async () => {
    await files.makeDirectory('tree');
    await writeFile(join(folder, 'outside'), 'mine');
    await symlink(join(folder, 'outside'), join(folder, 'work/d1/tree/link'));
    await expect(textOf('tree/link')).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(files.write('tree/link', bytes('x'))).rejects.toMatchObject({ code: 'tree-unsafe' });
    expect((await listOf('tree'))[0]).toMatchObject({ kind: 'symlink' });
    await files.clear();
    expect(await readdir(folder)).toContain('outside');
  });

  it('are new files: what is there is not written over', async () => {
    await files.makeDirectory('tree');
    await files.write('tree/a', bytes('x'));
    await expect(files.write('tree/a', bytes('y'))).rejects.toMatchObject({ code: 'tree-unsafe' });
    await expect(files.makeDirectory('tree/a')).rejects.toMatchObject({ code: 'tree-unsafe' });
    await expect(files.write('tree/a/b', bytes('y'))).rejects.toMatchObject({ code: 'tree-unsafe' });
    await expect(files.write(`tree/${'n'.repeat(300)}`, bytes('y'))).rejects.toMatchObject({ code: 'tree-unsafe' });
  });

  it('go whole, whatever the modes, and being gone is no error', async () => {
    await files.makeDirectory('tree/a');
    await mkdir(join(folder, 'work/d1/tree/shut'));
    await writeFile(join(folder, 'work/d1/tree/shut/x'), 'x');
    await chmod(join(folder, 'work/d1/tree/shut/x'), 0);
    await files.clear();
    await files.clear();
    expect(await readdir(join(folder, 'work'))).toEqual([]);
  });

  it('that somebody else cleared are asked for again', async () => {
    await expect(textOf('tree/a')).rejects.toMatchObject({ name: 'RetryableError', code: 'files-gone' });
    await expect(listOf('tree')).rejects.toMatchObject({ name: 'RetryableError', code: 'files-gone' });
  });
});

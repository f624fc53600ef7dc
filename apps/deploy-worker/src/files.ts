import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RetryableError, TerminalError } from '#domain/errors';
import type { FileEntry, FilesIo } from '#plugins/files';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
/** Nobody but us looks in, whatever an archive says. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** The directory of one deployment. Whoever asks checks paths; they are checked here once more. */
export function createFiles(root: string): FilesIo {
  return {
    clear: (path = '') => rm(at(root, path), { recursive: true, force: true, maxRetries: 3 }),
    makeDirectory: (path) =>
      explained(async () => void (await mkdir(at(root, path), { recursive: true, mode: DIRECTORY_MODE }))),
    write: (path, content) => explained(() => write(at(root, path), content)),
    stat: (path) => stat(root, path),
    walk: (path) => walk(root, path),
    read: (path) => read(at(root, path)),
  };
}

function at(root: string, path: string): string {
  const parts = path === '' ? [] : path.split('/');
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0')))
    return join(root, path);
  throw new TerminalError('tree-unsafe', 'A path leaves the directory that it belongs to.');
}

async function write(path: string, content: AsyncIterable<Uint8Array> | Uint8Array): Promise<void> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) await writeAll(file, chunk);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}

async function stat(root: string, path: string): Promise<FileEntry | null> {
  try {
    return entryOf(path, await lstat(at(root, path)));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null;
    throw error;
  }
}

async function* walk(root: string, path: string): AsyncGenerator<FileEntry> {
  const names = await readdir(at(root, path)).catch((error: unknown) => {
    throw gone(error);
  });
  for (const name of names.sort()) {
    const inner = path === '' ? name : `${path}/${name}`;
    const entry = entryOf(inner, await lstat(join(root, inner)));
    yield entry;
    if (entry.kind === 'directory') yield* walk(root, inner);
  }
}

async function* read(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW).catch((error: unknown) => {
    throw gone(error);
  });
  try {
    yield* file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>;
  } finally {
    await file.close();
  }
}

function entryOf(path: string, found: Awaited<ReturnType<typeof lstat>>): FileEntry {
  const kind = found.isFile()
    ? 'file'
    : found.isDirectory()
      ? 'directory'
      : found.isSymbolicLink()
        ? 'symlink'
        : 'other';
  return { path, kind, bytes: Number(found.size), links: Number(found.nlink) };
}

async function explained(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw REASONS[codeOf(error)]?.() ?? error;
  }
}

const REASONS: Readonly<Record<string, () => Error>> = {
  ENOSPC: diskFull,
  EDQUOT: diskFull,
  EEXIST: () => unsafe('two entries have the same name'),
  ENOTDIR: () => unsafe('an entry is a file and a directory at once'),
  EISDIR: () => unsafe('an entry is a file and a directory at once'),
  ELOOP: () => unsafe('an entry is a symbolic link'),
  ENAMETOOLONG: () => unsafe('a name is too long'),
};

function unsafe(why: string): Error {
  return new TerminalError('tree-unsafe', `The tree is refused: ${why}.`);
}

function diskFull(): Error {
  const text = "The disk of the platform's data folder is full. Free space and deploy again.";
  return new TerminalError('disk-full', text, 'operator');
}

/** Somebody else cleared it: the step is begun again. */
function gone(error: unknown): unknown {
  if (codeOf(error) !== 'ENOENT') return error;
  return new RetryableError('files-gone', 'What the step before had written is gone; it is made again.');
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

import { extract as untar, type Extract, type Header } from 'tar-stream';
import { RetryableError, TerminalError } from '#domain/errors';
import type { FilesIo } from '../files.js';
import { inflate } from './inflate.js';
import { safeParts, tooLarge, unsafe, type TreeLimits } from './tree-rules.js';

export interface Extraction {
  readonly files: FilesIo;
  /** Where the tree goes: a directory that is made. */
  readonly into: string;
  /** The part of the repository that is wanted; empty = all of it. */
  readonly folder: string;
  readonly limits: TreeLimits;
}

export interface Extracted {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Unpacks a gzipped tar with one directory at its root, which is left out. Modes, owners and times are not taken over.
 * Throws {@link TerminalError} `tree-unsafe`, `tree-too-large`, `no-such-folder`, `archive-invalid`, and
 * {@link RetryableError} `archive-cut`; what was written until then is the caller's to clear.
 */
export async function extractTree(archive: AsyncIterable<Uint8Array>, options: Extraction): Promise<Extracted> {
  const { files, into, folder, limits } = options;
  await files.makeDirectory(into);
  const tar = untar();
  // Nothing may be waited for between here and the loop: an entry that nobody listens for is lost.
  const feeding = feed(tar, archive, limits);
  const tree: Tree = {
    ...options,
    root: null,
    wanted: folder === '' ? [] : folder.split('/'),
    made: new Set(),
    found: { files: 0, bytes: 0 },
    entries: 0,
  };
  try {
    for await (const entry of tar) {
      feeding.moved();
      await take(tree, entry, feeding.moved);
    }
    await feeding.done;
  } catch (error) {
    throw feeding.cause() ?? explain(error);
  } finally {
    tar.destroy();
  }
  if (tree.root === null) throw new TerminalError('archive-invalid', 'The archive of the repository is empty.');
  if (tree.found.files === 0) throw noFiles(folder);
  return tree.found;
}

type Entry = Extract extends AsyncIterable<infer T> ? T : never;

interface Tree extends Extraction {
  /** Name of the one directory at the archive's root. */
  root: string | null;
  readonly wanted: readonly string[];
  readonly made: Set<string>;
  readonly found: { files: number; bytes: number };
  entries: number;
}

async function take(tree: Tree, entry: Entry, moved: () => void): Promise<void> {
  const { header } = entry;
  tree.entries += 1;
  if (tree.entries > tree.limits.entries) throw tooLarge(`${tree.limits.entries} entries`);
  const parts = safeParts(header.name, { depth: tree.limits.depth + 1 });
  tree.root ??= parts[0]!;
  if (parts[0] !== tree.root) throw unsafe(header.name, 'is not in the directory at the root');
  const path = below(tree.wanted, parts.slice(1));
  if (path === null) return void (await drop(entry, moved));
  requirePlain(header);
  if (header.type === 'directory') {
    if (path.length > 0) await makeDirectory(tree, path);
    return void (await drop(entry, moved));
  }
  if (path.length === 0) throw unsafe(header.name, 'is a file where a directory should be');
  if (path.length > 1) await makeDirectory(tree, path.slice(0, -1));
  await tree.files.write([tree.into, ...path].join('/'), counted(tree, entry, moved));
  tree.found.files += 1;
}

/** Null = not in the part that is wanted. */
function below(wanted: readonly string[], parts: readonly string[]): readonly string[] | null {
  return wanted.every((part, index) => parts[index] === part) ? parts.slice(wanted.length) : null;
}

function requirePlain({ type, name }: Header): void {
  if (type === 'file' || type === 'directory') return;
  const words = { symlink: 'a symbolic link', link: 'a hard link' }[type as string] ?? `of type ${type}`;
  throw unsafe(name, `is ${words}; only files and directories are deployed`);
}

async function makeDirectory({ files, into, made }: Tree, parts: readonly string[]): Promise<void> {
  const path = [into, ...parts].join('/');
  if (made.has(path)) return;
  await files.makeDirectory(path);
  made.add(path);
}

async function* counted(tree: Tree, entry: Entry, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of entry as AsyncIterable<Uint8Array>) {
    moved();
    tree.found.bytes += chunk.length;
    yield chunk;
  }
}

async function drop(entry: Entry, moved: () => void): Promise<void> {
  for await (const _ of entry as AsyncIterable<Uint8Array>) moved();
}

interface Feeding {
  readonly done: Promise<void>;
  /** Something of the archive was taken in. */
  readonly moved: () => void;
  /** What went wrong before the tar did. */
  readonly cause: () => unknown;
}

/** Long names are held in memory while they are read: what is no entry's content may be so much. */
const MOST_BETWEEN = 2 * 1024 * 1024;

function feed(tar: Extract, archive: AsyncIterable<Uint8Array>, limits: TreeLimits): Feeding {
  let between = 0;
  let cause: unknown = null;
  const pour = async (): Promise<void> => {
    for await (const chunk of inflate(archive, limits)) {
      between += chunk.length;
      if (between > MOST_BETWEEN) throw unsafe('(header)', 'is larger than a name can be');
      if (tar.destroyed) return;
      if (!tar.write(chunk)) await drained(tar);
    }
    tar.end(null);
  };
  const done = pour().catch((error: unknown) => {
    cause = explain(error);
    tar.destroy(cause as Error);
  });
  return { done, moved: () => (between = 0), cause: () => cause };
}

function drained(tar: Extract): Promise<void> {
  return new Promise((resolve) => {
    if (tar.destroyed) return resolve();
    tar.once('drain', resolve);
    tar.once('close', resolve);
  });
}

/** The reader of tars has words of its own for a broken one. */
function explain(error: unknown): unknown {
  if (error instanceof TerminalError || error instanceof RetryableError) return error;
  const text = error instanceof Error ? error.message : '';
  if (/unexpected end of data/i.test(text)) {
    return new RetryableError('archive-cut', 'The archive of the repository ended too early.');
  }
  if (/invalid tar header|checksum|invalid encoding/i.test(text)) {
    return new TerminalError('archive-invalid', 'What the Git provider sent is no tar archive.');
  }
  return error;
}

function noFiles(folder: string): TerminalError {
  const what = folder === '' ? 'The repository has no files' : `The repository has no folder ${folder} with files`;
  return new TerminalError('no-such-folder', `${what} at this commit. Check folderPath and the branch.`);
}

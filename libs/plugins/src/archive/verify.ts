import type { FileEntry, FilesIo } from '../files.js';
import { tooLarge, unsafe, type TreeLimits } from './tree-rules.js';
import type { Extracted } from './extract.js';

/** A second look at what is on the disk, however it came there. Throws `tree-unsafe`, `tree-too-large`. */
export async function verifyTree(files: FilesIo, root: string, limits: TreeLimits): Promise<Extracted> {
  const found = { files: 0, bytes: 0 };
  let entries = 0;
  for await (const entry of files.walk(root)) {
    entries += 1;
    requirePlain(entry, root, limits);
    if (entry.kind === 'file') {
      found.files += 1;
      found.bytes += entry.bytes;
    }
    if (entries > limits.entries) throw tooLarge(`${limits.entries} entries`);
    if (found.bytes > limits.bytes) throw tooLarge(`${Math.round(limits.bytes / 1024 / 1024)} MiB of files`);
  }
  return found;
}

function requirePlain({ path, kind, links }: FileEntry, root: string, { depth }: TreeLimits): void {
  const name = path.slice(root.length + 1);
  if (kind !== 'file' && kind !== 'directory') throw unsafe(name, 'is neither a file nor a directory');
  if (kind === 'file' && links > 1) throw unsafe(name, 'is a hard link');
  if (name.split('/').length > depth) throw unsafe(name, `is nested deeper than ${depth} directories`);
}

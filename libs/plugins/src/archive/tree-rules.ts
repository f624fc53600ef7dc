import { TerminalError } from '#domain/errors';
import { oneLine } from '#domain/one-line';

/** What a tree may be at most; the first that is passed ends the work. */
export interface TreeLimits {
  /** As it is sent. */
  readonly archiveBytes: number;
  /** Unpacked, all of it. */
  readonly bytes: number;
  readonly entries: number;
  /** Directories in directories. */
  readonly depth: number;
  /** Seconds for fetching and unpacking together. */
  readonly seconds: number;
}

export const TREE_LIMITS: TreeLimits = {
  archiveBytes: 256 * 1024 * 1024,
  bytes: 1024 * 1024 * 1024,
  entries: 100_000,
  depth: 50,
  seconds: 300,
};

const MOST_PATH = 1024;
const MOST_NAME = 255;

/** The parts of an entry's name. Throws `tree-unsafe` for any that could be anything but a place below the root. */
export function safeParts(name: string, { depth }: Pick<TreeLimits, 'depth'>): readonly string[] {
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  if (path.startsWith('/')) throw unsafe(name, 'is absolute');
  const parts = path.split('/').filter((part) => part !== '.');
  if (parts.includes('..')) throw unsafe(name, 'leaves the tree');
  if (parts.length === 0 || parts.includes('')) throw unsafe(name, 'has an empty name');
  if (/[\u0000-\u001f\u007f\\]/.test(path) || path.includes('\ufffd'))
    throw unsafe(name, 'has a character that no path should have');
  if (parts.length > depth) throw unsafe(name, `is nested deeper than ${depth} directories`);
  const bytes = (text: string) => Buffer.byteLength(text, 'utf8');
  if (bytes(path) > MOST_PATH || parts.some((part) => bytes(part) > MOST_NAME))
    throw unsafe(name, 'has too long a name');
  return parts;
}

export function unsafe(name: string, why: string): TerminalError {
  const shown = oneLine(name).slice(0, 80);
  return new TerminalError('tree-unsafe', `The repository is refused: "${shown}" ${why}.`);
}

export function tooLarge(what: string): TerminalError {
  return new TerminalError('tree-too-large', `The repository is refused: it has more than ${what}.`);
}

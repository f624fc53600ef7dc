/**
 * A directory of this deployment's own on the node. Paths are relative, of plain parts; whatever is no plain file or
 * directory is neither made nor followed. Another worker of the node may find it, or may find it gone.
 */
export interface FilesIo {
  /** Nothing is left of it, whatever its modes. Absent is success. */
  clear(path?: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** A new file, its directory there; one of that name is an error. */
  write(path: string, content: AsyncIterable<Uint8Array> | Uint8Array): Promise<void>;
  /** Null when absent. */
  stat(path: string): Promise<FileEntry | null>;
  /** All below a directory, a directory before what is in it, by name. */
  walk(path: string): AsyncIterable<FileEntry>;
  read(path: string): AsyncIterable<Uint8Array>;
}
export interface FileEntry {
  /** From the root of the files. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly bytes: number;
  /** Names that the file has: more than one is a hard link. */
  readonly links: number;
}

/** `extra_json` of one container row: what a source wants known about it. Never a secret. */
export interface MemoIo {
  read(role: string): Promise<Readonly<Record<string, unknown>>>;
  /** Sets the keys given, drops those that are null, and leaves all others as they are. */
  patch(role: string, changes: Readonly<Record<string, unknown>>): Promise<void>;
}

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of one directory by plain names; a reader sees each whole or not at all. */
export function proxyFiles(directory: string) {
  const pathOf = (name: string): string => {
    if (!/^[a-z0-9][\w.-]*$/i.test(name)) throw new Error(`${JSON.stringify(name)} is no plain file name`);
    return join(directory, name);
  };
  return {
    async list(): Promise<readonly string[]> {
      await mkdir(directory, { recursive: true });
      const entries = await readdir(directory, { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    read: (name: string): Promise<string> => readFile(pathOf(name), 'utf8'),
    /** Keys and hashes stand in them: nobody else may read them. */
    async write(name: string, text: string): Promise<void> {
      // The dot and the missing ending keep it out of what a proxy watches.
      const fresh = join(directory, `.${randomBytes(6).toString('hex')}`);
      try {
        await writeFile(fresh, text, { mode: 0o600, flag: 'wx' });
        await rename(fresh, pathOf(name));
      } finally {
        await rm(fresh, { force: true });
      }
    },
    remove: (name: string): Promise<void> => rm(pathOf(name), { force: true }),
  };
}

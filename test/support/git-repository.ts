import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface GitRepository {
  /** Of the bare repository. */
  readonly path: string;
  /** Writes these files over what the branch has; null removes one. Resolves to the commit. */
  commit(files: Readonly<Record<string, string | Buffer | null>>, branch?: string): Promise<string>;
  tag(name: string, sha: string): Promise<void>;
  /** Argv; trimmed. Rejects where git does. */
  git(...argv: readonly string[]): Promise<string>;
  /** Of lines as `git ls-tree` has them: trees that no work tree holds. Resolves to the tree. */
  mktree(lines: string): Promise<string>;
  /** A gzipped tar as a server makes it. */
  archive(sha: string, prefix: string): Promise<Buffer>;
  clear(): Promise<void>;
}

const WHO = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false'];

/** A bare repository in a temporary folder, and commits made in a work tree beside it. */
export async function createRepository(): Promise<GitRepository> {
  const folder = await mkdtemp(join(tmpdir(), 'tf-git-'));
  const [path, tree] = [join(folder, 'bare.git'), join(folder, 'tree')];
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', path]);
  await run('git', ['clone', '--quiet', path, tree]);
  const at = async (...argv: readonly string[]) => (await run('git', ['-C', tree, ...WHO, ...argv])).stdout.trim();
  const git = async (...argv: readonly string[]) => (await run('git', ['-C', path, ...argv])).stdout.trim();
  return {
    path,
    git,
    async commit(files, branch = 'main') {
      const isThere = await git('rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => null);
      await at('checkout', '--quiet', ...(isThere === null ? ['-B', branch] : [branch]));
      for (const [name, content] of Object.entries(files)) {
        await rm(join(tree, name), { force: true });
        if (content === null) continue;
        await mkdir(dirname(join(tree, name)), { recursive: true });
        await writeFile(join(tree, name), content);
      }
      await at('add', '--all', '--force');
      await at('commit', '--quiet', '--allow-empty', '-m', `change ${Object.keys(files).join(', ')}`);
      await at('push', '--quiet', 'origin', branch);
      return await at('rev-parse', 'HEAD');
    },
    async tag(name, sha) {
      await git('tag', name, sha);
    },
    async mktree(lines) {
      const child = run('git', ['-C', path, 'mktree', '--missing']);
      child.child.stdin!.end(lines);
      return (await child).stdout.trim();
    },
    async archive(sha, prefix) {
      const argv = ['-C', path, 'archive', '--format=tar.gz', `--prefix=${prefix}/`, sha];
      return (await run('git', argv, { encoding: 'buffer', maxBuffer: 256 * 1024 * 1024 })).stdout;
    },
    clear: () => rm(folder, { recursive: true, force: true }),
  };
}

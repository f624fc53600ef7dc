import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { engineCall } from './engine-call.js';

export interface BaseImages {
  readonly static: string;
  readonly deno: string;
}

/** What sites are built on, from Debian's Caddy and npm's Deno: no registry is asked. Kept for the next run. */
export async function ensureBaseImages(dockerHost: string): Promise<BaseImages> {
  const caddy = await ensureBase(dockerHost, 'caddy', '/usr/bin/caddy');
  const deno = await ensureBase(
    dockerHost,
    'deno',
    createRequire(import.meta.url).resolve('@deno/linux-x64-glibc/deno'),
  );
  return { static: caddy, deno };
}

async function ensureBase(dockerHost: string, program: string, path: string): Promise<string> {
  const name = `docker.io/tf-test-base/${program}:1`;
  const found = await engineCall(dockerHost, { method: 'GET', path: `/images/${name}/json` });
  if (found.status === 200) return name;
  const { text } = await engineCall(dockerHost, {
    method: 'POST',
    path: `/build?${new URLSearchParams({ t: name, rm: 'true', forcerm: 'true' }).toString()}`,
    body: await contextOf(program, path),
    headers: { 'content-type': 'application/x-tar' },
  });
  if (!text.includes('"aux"')) throw new Error(`Building ${name} failed: ${text}`);
  return name;
}

/** The program, its libraries with their loader, and a place to write to. */
async function contextOf(program: string, path: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, 'FROM scratch\nCOPY root/ /\nENV PATH=/usr/bin\n');
  tar.entry({ name: 'root/tmp/', type: 'directory', mode: 0o1777 });
  tar.entry({ name: `root/usr/bin/${program}`, mode: 0o755 }, await readFile(path));
  for (const library of await librariesOf(path))
    tar.entry({ name: `root${library}`, mode: 0o755 }, await readFile(library));
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** As the loader finds them. */
async function librariesOf(path: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [path]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, library]) => library!);
}

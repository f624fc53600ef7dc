import { pack, type Header, type Pack } from 'tar-stream';
import type { StepIo } from '../../source.js';
import type { Site } from './built.js';
import type { StaticConfig } from './config.dto.js';
import { TREE } from './fetch.js';
import { caddyfile } from './files/caddyfile.js';
import { dockerfile } from './files/dockerfile.js';
import { isHashed } from './files/hashed.js';
import { pagesOf } from './files/pages.js';
import { fingerprint, timeOf } from './files/times.js';

export interface Contents {
  readonly base: string;
  readonly site: Site;
  readonly config: Pick<StaticConfig, 'renderMarkdown' | 'spaFallback'>;
}

/** The build context, a tar: made while it is read, so that no site has to fit into memory. */
export function siteContext(io: StepIo, contents: Contents): AsyncIterable<Uint8Array> {
  const tar = pack();
  const closed = new Promise<never>((_, reject) =>
    tar.once('close', () => reject(new Error('nobody reads the context'))),
  );
  closed.catch(() => undefined);
  void fill(io, { tar, closed }, contents).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  );
  return tar as AsyncIterable<Uint8Array>;
}

interface Target {
  readonly tar: Pack;
  /** Rejects once nobody reads any more. */
  readonly closed: Promise<never>;
}

async function fill(io: StepIo, target: Target, { base, site, config }: Contents): Promise<void> {
  await addText(target, 'Dockerfile', dockerfile(site.mode, base));
  if (site.mode === 'static') {
    await addText(target, 'Caddyfile', caddyfile({ port: 8000, spaFallback: config.spaFallback }));
    await add(target, directory('hashed/'));
  }
  await add(target, directory('site/'));
  await add(target, directory('data/'));
  for await (const entry of io.files.walk(TREE)) {
    io.signal.throwIfAborted();
    const path = entry.path.slice(TREE.length + 1);
    if (site.mode === 'static' && isHidden(path)) continue;
    if (entry.kind === 'directory') await add(target, directory(`site/${path}/`));
    if (entry.kind !== 'file') continue;
    const root = site.mode === 'static' && isHashed(path) ? 'hashed' : 'site';
    await addFile(io, target, { from: entry.path, to: `${root}/${path}`, size: entry.bytes });
    if (site.mode !== 'static' || !config.renderMarkdown) continue;
    for (const page of await pagesOf(io, TREE, path)) await addText(target, `site/${page.path}`, page.html);
  }
}

/** What a server's own files are: of nobody's interest, some of them secret. */
function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') && part !== '.well-known');
}

/** Read twice: its time is its fingerprint, and comes first. */
async function addFile(
  io: StepIo,
  target: Target,
  { from, to, size }: { readonly from: string; readonly to: string; readonly size: number },
): Promise<void> {
  const mtime = timeOf(await fingerprint(io.files.read(from)));
  await add(target, { name: to, size, mode: 0o644, mtime }, io.files.read(from));
}

async function addText(target: Target, name: string, text: string): Promise<void> {
  const content = new TextEncoder().encode(text);
  const mtime = timeOf(await fingerprint([content]));
  await add(target, { name, size: content.length, mode: 0o644, mtime }, [content]);
}

type Entry = Partial<Header> & Pick<Header, 'name'>;

function directory(name: string): Entry {
  return { name, type: 'directory', mode: 0o755, mtime: new Date(0) };
}

async function add(
  { tar, closed }: Target,
  header: Entry,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = [],
): Promise<void> {
  let done: (error?: Error | null) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => (done = (error) => (error ? reject(error) : resolve())));
  const sink = tar.entry(header, done);
  if (header.type === 'directory') return Promise.race([ended, closed]);
  for await (const chunk of content) {
    if (sink.write(chunk)) continue;
    await Promise.race([new Promise<void>((resolve) => sink.once('drain', () => resolve())), closed]);
  }
  sink.end(null);
  await Promise.race([ended, closed]);
}

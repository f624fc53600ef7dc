import type { StepIo } from '../../../source.js';
import { MARKDOWN, renderPage } from './markdown.js';

/** More is nobody's page, and would keep the worker from everything else. */
const MOST_BYTES = 256 * 1024;

/** What a Markdown file becomes beside itself, where no file of that name is: its page, and of a README the folder's. */
export async function pagesOf(
  io: StepIo,
  tree: string,
  path: string,
): Promise<readonly { readonly path: string; readonly html: string }[]> {
  if (!MARKDOWN.test(path)) return [];
  const found = await io.files.stat(`${tree}/${path}`);
  if (found === null || found.bytes > MOST_BYTES) {
    io.log(`${path} is not rendered: it has more than ${MOST_BYTES / 1024} KiB`, 'step');
    return [];
  }
  const targets = await free(io, tree, path);
  if (targets.length === 0) return [];
  const name = path.slice(path.lastIndexOf('/') + 1);
  const html = renderPage({ name, text: await textOf(io.files.read(`${tree}/${path}`)) });
  return targets.map((target) => ({ path: target, html }));
}

async function free(io: StepIo, tree: string, path: string): Promise<readonly string[]> {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const isReadme = /^readme\./i.test(path.slice(folder.length));
  const isTaken = async (name: string) => (await io.files.stat(`${tree}/${name}`)) !== null;
  const own = path.replace(MARKDOWN, '.html');
  const index = `${folder}index.html`;
  const targets: string[] = (await isTaken(own)) ? [] : [own];
  const others = [index, `${folder}index.md`, `${folder}index.markdown`];
  if (isReadme && !(await some(others, isTaken))) targets.push(index);
  return targets;
}

async function some(names: readonly string[], test: (name: string) => Promise<boolean>): Promise<boolean> {
  for (const name of names) if (await test(name)) return true;
  return false;
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of content) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

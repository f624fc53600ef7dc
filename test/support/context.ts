import { pack } from 'tar-stream';

/** A build context, or any other tar of plain files. */
export function contextOf(files: Readonly<Record<string, string>>): AsyncIterable<Uint8Array> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}

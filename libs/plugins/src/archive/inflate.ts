import { createGunzip, type Gunzip } from 'node:zlib';
import { RetryableError, TerminalError } from '#domain/errors';
import { tooLarge, type TreeLimits } from './tree-rules.js';

/** gunzip with both sides counted. Throws `tree-too-large`, `archive-invalid`, `archive-cut`, and what the archive throws. */
export async function* inflate(
  archive: AsyncIterable<Uint8Array>,
  { archiveBytes, bytes }: Pick<TreeLimits, 'archiveBytes' | 'bytes'>,
): AsyncGenerator<Uint8Array> {
  // Not the web's DecompressionStream: one that is left early throws where nobody can catch it.
  const gunzip = createGunzip();
  gunzip.on('error', () => undefined);
  const source: Source = { received: 0, failure: null };
  void pour(archive, { gunzip, source, most: archiveBytes }).catch((error: unknown) => {
    source.failure = error;
    gunzip.destroy(error as Error);
  });
  let unpacked = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      unpacked += chunk.length;
      if (unpacked > bytes) throw tooLarge(`${mib(bytes)} MiB of files`);
      yield chunk;
    }
    if (source.received === 0) throw cut();
  } catch (error) {
    throw source.failure ?? explain(error);
  } finally {
    gunzip.destroy();
  }
}

interface Source {
  received: number;
  failure: unknown;
}

async function pour(
  archive: AsyncIterable<Uint8Array>,
  { gunzip, source, most }: { readonly gunzip: Gunzip; readonly source: Source; readonly most: number },
): Promise<void> {
  for await (const chunk of archive) {
    source.received += chunk.length;
    if (source.received > most) throw tooLarge(`${mib(most)} MiB, packed`);
    if (gunzip.destroyed) return;
    if (!gunzip.write(chunk)) await drained(gunzip);
  }
  gunzip.end();
}

function drained(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    if (gunzip.destroyed) return resolve();
    gunzip.once('drain', resolve);
    gunzip.once('close', resolve);
  });
}

function explain(error: unknown): unknown {
  if (error instanceof TerminalError || error instanceof RetryableError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'Z_BUF_ERROR') return cut();
  if (typeof code !== 'string' || !code.startsWith('Z_')) return error;
  return new TerminalError('archive-invalid', 'What the Git provider sent is no gzipped archive.');
}

function cut(): RetryableError {
  return new RetryableError('archive-cut', 'The archive of the repository ended too early.');
}

function mib(bytes: number): number {
  return Math.round((bytes / 1024 / 1024) * 10) / 10;
}

import { RetryableError, TerminalError } from '#domain/errors';
import { tooLarge, type TreeLimits } from './tree-rules.js';

/** gunzip with both sides counted. Throws `tree-too-large`, `archive-invalid`, `archive-cut`, and what the archive throws. */
export async function* inflate(
  archive: AsyncIterable<Uint8Array>,
  { archiveBytes, bytes }: Pick<TreeLimits, 'archiveBytes' | 'bytes'>,
): AsyncGenerator<Uint8Array> {
  const source: Source = { received: 0, failure: null };
  const packed = ReadableStream.from(received(archive, source, archiveBytes)) as ReadableStream<
    Uint8Array<ArrayBuffer>
  >;
  const reader = packed.pipeThrough(new DecompressionStream('gzip')).getReader();
  let unpacked = 0;
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as Read;
      if (done) return;
      unpacked += value.length;
      if (unpacked > bytes) throw tooLarge(`${mib(bytes)} MiB of files`);
      yield value;
    }
  } catch (error) {
    throw source.failure ?? explain(error, source);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

type Read = { readonly done: false; readonly value: Uint8Array } | { readonly done: true; readonly value: undefined };

interface Source {
  received: number;
  failure: unknown;
}

async function* received(archive: AsyncIterable<Uint8Array>, source: Source, most: number): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of archive) {
      source.received += chunk.length;
      if (source.received > most) throw tooLarge(`${mib(most)} MiB, packed`);
      yield chunk;
    }
  } catch (error) {
    // The stream that reads it would hide why.
    source.failure = error;
    throw error;
  }
}

/** An error of the decompressor is a TypeError without a code of ours. */
function explain(error: unknown, { received: bytes }: Source): unknown {
  if (error instanceof TerminalError || error instanceof RetryableError) return error;
  const code = String(
    (error as { code?: unknown } | null)?.code ?? (error as { cause?: { code?: unknown } } | null)?.cause?.code,
  );
  const isCut = bytes === 0 || /BUF_ERROR|TRAILING|unexpected end/i.test(`${code} ${String(error)}`);
  if (isCut && !/DATA_ERROR/.test(code))
    return new RetryableError('archive-cut', 'The archive of the repository ended too early.');
  return new TerminalError('archive-invalid', 'What the Git provider sent is no gzipped archive.');
}

function mib(bytes: number): number {
  return Math.round((bytes / 1024 / 1024) * 10) / 10;
}

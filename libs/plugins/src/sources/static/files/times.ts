import { createHash } from 'node:crypto';

/** Seconds from 2000 to 2017. */
const SPAN = 2 ** 29;
const FIRST = Date.UTC(2000, 0, 1);

/** A number below 2^48 that is another one for other content. */
export async function fingerprint(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest().readUIntBE(0, 6);
}

/** A server makes its ETag of a file's time and size: the time stands for the content, so both change together. */
export function timeOf(print: number): Date {
  return new Date(FIRST + (print % SPAN) * 1000);
}

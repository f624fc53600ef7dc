import { StringDecoder } from 'node:string_decoder';

/** A longer line is dropped whole: an engine's own stay under a kilobyte. */
const MAX_LINE = 256 * 1024;

/**
 * The JSON objects of a newline-delimited stream, one at a time, holding no more than one line. A chunk may cut a line
 * or a character anywhere. Lines that are not a JSON object are passed over: what they say is not the engine's protocol.
 */
export async function* readObjects(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Record<string, unknown>> {
  for await (const line of readLines(stream)) {
    const value = parse(line);
    if (value) yield value;
  }
}

/** The engine answers 200 before it knows: a failure is a line among the others. */
export function failureIn(line: Record<string, unknown>): string | null {
  const detail = line['errorDetail'] as { message?: unknown } | undefined;
  const text = detail?.message ?? line['error'];
  if (text === undefined) return null;
  return typeof text === 'string' ? text.slice(0, 500) : 'unnamed error';
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isTooLong = false;
  for await (const chunk of stream) {
    const pieces = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      if (!isTooLong) yield piece;
      isTooLong = false;
    }
    if (rest.length > MAX_LINE) {
      isTooLong = true;
      rest = '';
    }
  }
  if (!isTooLong) yield rest + decoder.end();
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

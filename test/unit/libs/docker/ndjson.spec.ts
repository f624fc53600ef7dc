import { describe, expect, it } from 'vitest';
import { readObjects } from '#docker/ndjson';

async function* chunked(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const object of readObjects(chunked(text, size))) found.push(object);
  return found;
}

describe('readObjects', () => {
  it.each([1, 2, 3, 7, 1000])('reads the same whatever the chunks: %i bytes', async (size) => {
    expect(await read('{"a":"ü✓😀"}\r\n\n{"b":2}\n{"c":3}', size)).toEqual([{ a: 'ü✓😀' }, { b: 2 }, { c: 3 }]);
  });

  it.each(['garbage', '[1]', 'null', '"text"', '{"cut":'])('passes over %s', async (line) => {
    expect(await read(`${line}\n{"a":1}\n${line}`, 4)).toEqual([{ a: 1 }]);
  });

  it.each([500, 4096])('drops a line beyond its bound and reads on (%i bytes a chunk)', async (size) => {
    const long = JSON.stringify({ long: 'x'.repeat(300 * 1024) });
    expect(await read(`{"a":1}\n${long}\n{"b":2}\n${long}`, size)).toEqual([{ a: 1 }, { b: 2 }]);
  });
});

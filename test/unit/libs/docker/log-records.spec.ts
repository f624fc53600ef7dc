import { describe, expect, it } from 'vitest';
import { createRecordReader } from '#docker/log-records';

const AT = '2026-03-01T12:00:00.000000001Z';
const frame = (stream: 1 | 2, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};
const shown = (records: ReturnType<ReturnType<typeof createRecordReader>>) =>
  records.map(({ stream, at, bytes, isWhole }) => ({ stream, at, text: bytes.toString(), isWhole }));

describe('the engine’s log stream', () => {
  const bytes = Buffer.concat([frame(1, `${AT} one\n`), frame(2, `${AT} two`), frame(1, `${AT} \n`)]);
  const expected = [
    { stream: 'stdout', at: AT, text: 'one', isWhole: true },
    { stream: 'stderr', at: AT, text: 'two', isWhole: false },
    { stream: 'stdout', at: AT, text: '', isWhole: true },
  ];

  it('is read frame by frame, wherever chunks cut it', () => {
    expect(shown(createRecordReader()(bytes))).toEqual(expected);
    for (let size = 1; size < 60; size += 7) {
      const read = createRecordReader();
      const records = [];
      for (let at = 0; at < bytes.length; at += size) records.push(...read(bytes.subarray(at, at + size)));
      expect(shown(records)).toEqual(expected);
    }
  });

  it('of a container with a terminal is read line by line', () => {
    const read = createRecordReader();
    expect(shown(read(Buffer.from(`${AT} one\r\n${AT} tw`)))).toEqual([
      { stream: 'stdout', at: AT, text: 'one\r', isWhole: true },
    ]);
    expect(shown(read(Buffer.from('o\n')))).toEqual([{ stream: 'stdout', at: AT, text: 'two', isWhole: true }]);
  });

  it('passes over what carries no instant', () => {
    expect(createRecordReader()(frame(1, 'no instant here\n'))).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import type { LogRecord } from '#docker/docker';
import { createAssembler, MOST_LINE_BYTES } from '../../../../apps/reconciler/src/logs/assemble.js';

const instant = (nanos: number) => `2026-03-01T12:00:00.${String(nanos).padStart(9, '0')}Z`;
const record = (nanos: number, text: string | Buffer, more: Partial<LogRecord> = {}): LogRecord => ({
  stream: 'stdout',
  at: instant(nanos),
  bytes: Buffer.from(text),
  isWhole: true,
  ...more,
});
const textOf = ({ lines }: { lines: readonly { line: string }[] }) => lines.map(({ line }) => line);

describe('lines out of records', () => {
  it('are whole, with the instant of their first part', () => {
    const assembler = createAssembler(null);
    const first = assembler.add([record(5_000_000, 'one'), record(6_000_000, 'tw', { isWhole: false })]);
    expect(first.lines).toEqual([{ at: Date.parse('2026-03-01T12:00:00.005Z'), stream: 'stdout', line: 'one' }]);
    expect(first.cursor).toEqual({ at: instant(5_000_000), repeats: 1 });
    const second = assembler.add([record(7_000_000, 'o')]);
    expect(second.lines).toEqual([{ at: Date.parse('2026-03-01T12:00:00.006Z'), stream: 'stdout', line: 'two' }]);
  });

  it('of two streams do not mix', () => {
    const assembler = createAssembler(null);
    const parts = [record(1, 'a', { isWhole: false }), record(2, 'b', { stream: 'stderr' }), record(3, 'c')];
    expect(assembler.add(parts).lines).toMatchObject([
      { stream: 'stderr', line: 'b' },
      { stream: 'stdout', line: 'ac' },
    ]);
  });

  it('that a record cuts within a character keep that character', () => {
    const bytes = Buffer.from('é');
    const parts = [record(1, bytes.subarray(0, 1), { isWhole: false }), record(2, bytes.subarray(1))];
    expect(textOf(createAssembler(null).add(parts))).toEqual(['é']);
  });

  it('keep colours and control characters, but no NUL, and lose the carriage return at the end', () => {
    expect(textOf(createAssembler(null).add([record(1, '\u001b[31mred\u0000\u0007\r')]))).toEqual([
      '\u001b[31mred\u2400\u0007',
    ]);
  });

  it.each(['x', 'é', '€', '😀'])('are cut at a character when they are too long: %s', (character) => {
    const { lines } = createAssembler(null).add([record(1, character.repeat(MOST_LINE_BYTES + 1))]);
    const line = lines[0]!.line;
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MOST_LINE_BYTES);
    expect(line.slice(-7)).toBe(' …(cut)');
    expect(line.includes('\ufffd')).toBe(false);
  });

  it('without end take no more memory than one line may have', () => {
    const assembler = createAssembler(null);
    const part = 'x'.repeat(16 * 1024);
    for (let n = 1; n <= 1_000; n += 1) expect(assembler.add([record(n, part, { isWhole: false })]).lines).toEqual([]);
    const { lines } = assembler.add([record(2_000, 'end'), record(2_001, 'next')]);
    expect(lines.map(({ line }) => line.length)).toEqual([MOST_LINE_BYTES - 2, 4]);
  });

  it('that have no line feed come with the end', () => {
    const assembler = createAssembler(null);
    expect(assembler.add([record(1, 'last words', { isWhole: false })]).lines).toEqual([]);
    expect(textOf(assembler.end())).toEqual(['last words']);
    expect(textOf(assembler.end())).toEqual([]);
  });
});

describe('going on at a cursor', () => {
  const records = [record(1, 'a'), record(2, 'b'), record(2, 'c'), record(2, 'd'), record(3, 'e')];

  it.each([0, 1, 2, 3, 4, 5])('after %i records gives what is left, each once', (stored) => {
    const { cursor } = createAssembler(null).add(records.slice(0, stored));
    // The engine gives what has the cursor's instant again.
    const again = records.filter(({ at }) => cursor === null || at >= cursor.at);
    expect(textOf(createAssembler(cursor).add(again))).toEqual(['a', 'b', 'c', 'd', 'e'].slice(stored));
  });

  it('counts on where several of one instant were stored in two goes', () => {
    const first = createAssembler(null).add(records.slice(0, 2));
    const second = createAssembler(first.cursor).add(records.slice(1, 3));
    expect(second.cursor).toEqual({ at: instant(2), repeats: 2 });
    expect(textOf(createAssembler(second.cursor).add(records.slice(1)))).toEqual(['d', 'e']);
  });
});

import { describe, expect, it } from 'vitest';
import { mergeRows } from '#store/merge-rows';
import { insertTogether, updateTogether } from '#store/views/row';

const made = (id: string) => insertTogether('view.a', { id, tags: ['x'] });
const changed = (id: string, b: string) => updateTogether('view.b', id, { b });
const rowsOf = ({ values }: { values: readonly unknown[] }) =>
  (JSON.parse(String(values[0])) as { id: string }[]).map(({ id }) => id);

describe('mergeRows', () => {
  it('puts the rows of one text into one statement, in order', () => {
    const merged = mergeRows([made('1'), made('2'), made('3')]);
    expect(merged.map(rowsOf)).toEqual([['1', '2', '3']]);
    expect(merged[0]!.text).toBe(
      'insert into view.a (id, tags) select id, tags from jsonb_populate_recordset(null::view.a, $1::jsonb)',
    );
  });

  it('keeps what a later text needs of an earlier one before it', () => {
    const merged = mergeRows([made('1'), changed('1', 'x'), made('2'), changed('2', 'y')]);
    expect(merged.map(({ text }) => text.slice(0, 6))).toEqual(['insert', 'update']);
    expect(merged.map(rowsOf)).toEqual([
      ['1', '2'],
      ['1', '2'],
    ]);
  });

  it('moves nothing past a statement that takes no rows', () => {
    const other = { text: 'update view.a set x = $1', values: [9] };
    expect(mergeRows([made('1'), other, made('2')])).toEqual([made('1'), other, made('2')]);
  });

  it('changes a row once per statement, and moves nothing past the second change', () => {
    const merged = mergeRows([changed('1', 'x'), made('1'), changed('1', 'y'), made('2'), changed('2', 'z')]);
    expect(merged.map(rowsOf)).toEqual([['1'], ['1'], ['1', '2'], ['2']]);
  });

  it('leaves single rows as they are', () => {
    expect(mergeRows([made('1')])).toEqual([made('1')]);
  });
});

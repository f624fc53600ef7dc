import { describe, expect, it } from 'vitest';
import { mergeInserts } from '#store/merge-inserts';

const row = (...values: unknown[]) => ({ text: 'insert into view.a (x, y) values ($1, $2)', values });
const other = { text: 'update view.a set x = $1', values: [9] };

describe('mergeInserts', () => {
  it('puts rows of the same table and columns into one statement, in order', () => {
    expect(mergeInserts([row(1, 2), row(3, 4), row(5, 6)])).toEqual([
      { text: 'insert into view.a (x, y) values ($1, $2), ($3, $4), ($5, $6)', values: [1, 2, 3, 4, 5, 6] },
    ]);
  });

  it('moves inserts up to the first of their kind, and leaves the rest where it is', () => {
    const b = { text: 'insert into state.b (x) values ($1)', values: ['b'] };
    expect(mergeInserts([row(1, 2), b, other, row(3, 4), other])).toEqual([
      { text: 'insert into view.a (x, y) values ($1, $2), ($3, $4)', values: [1, 2, 3, 4] },
      b,
      other,
      other,
    ]);
  });

  it('does not touch what is more than one row of parameters', () => {
    const texts = [
      'insert into view.a (x) values ($1) on conflict do nothing',
      'insert into view.a (x) values ($1) returning x',
      'insert into view.a (x) values (now())',
      'insert into view.a (x) select $1',
    ];
    const statements = texts.flatMap((text) => [
      { text, values: [1] },
      { text, values: [2] },
    ]);
    expect(mergeInserts(statements)).toEqual(statements);
  });

  it('stays below what one statement can carry', () => {
    const merged = mergeInserts(Array.from({ length: 40_000 }, (_, n) => row(n, n)));
    expect(merged.every(({ values }) => values.length < 65_535)).toBe(true);
    expect(merged.flatMap(({ values }) => values)).toHaveLength(80_000);
  });
});

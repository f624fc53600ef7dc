import type { Statement } from './statement.js';

/** The form that `insert()` of the views writes: one row, every value a parameter. */
const ONE_ROW = /^(insert into [a-z_.]+ \([a-z_, ]+\) values )\(\$1(?:, \$\d+)*\)$/;
/** The protocol allows 65,535 parameters. */
const MOST_VALUES = 30_000;

/**
 * Rows of many independent commits in as few statements as there are tables: each costs the server and us about as
 * much as a row. Inserts move up to the first of their kind; everything else keeps its order.
 */
export function mergeInserts(statements: readonly Statement[]): Statement[] {
  const merged: { head: string | null; text: string; values: unknown[]; width: number }[] = [];
  const open = new Map<string, number>();
  for (const { text, values } of statements) {
    const head = ONE_ROW.exec(text)?.[1] ?? null;
    const at = head === null ? undefined : open.get(text);
    const into = at === undefined ? undefined : merged[at];
    if (into && into.values.length + values.length <= MOST_VALUES) {
      into.values.push(...values);
      continue;
    }
    if (head !== null) open.set(text, merged.length);
    merged.push({ head, text, values: [...values], width: values.length });
  }
  return merged.map(({ head, text, values, width }) =>
    head === null || values.length === width
      ? { text, values }
      : { text: head + rowsOf(values.length / width, width), values },
  );
}

/** ($1, $2), ($3, $4), … */
function rowsOf(count: number, width: number): string {
  const row = (index: number) =>
    Array.from({ length: width }, (_, column) => `$${index * width + column + 1}`).join(', ');
  return Array.from({ length: count }, (_, index) => `(${row(index)})`).join(', ');
}

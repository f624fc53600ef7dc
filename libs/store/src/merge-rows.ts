import type { Statement } from './statement.js';

/**
 * Statements of one commit in fewer: each costs the server and us about as much as a row. Rows move up to the first
 * of their text, past rows of other texts only: nothing moves past a statement that takes no rows, nor past the
 * second change of a row.
 */
export function mergeRows(statements: readonly Statement[]): Statement[] {
  const merged: Group[] = [];
  let open = new Map<string, Group>();
  for (const statement of statements) {
    const { text, rows, key } = statement;
    const group = rows === undefined ? undefined : open.get(text);
    if (group !== undefined && !isIn(group, key)) {
      group.rows.push(...rows!);
      if (key !== undefined) group.keys.add(key);
      continue;
    }
    if (rows === undefined || group !== undefined) open = new Map();
    const next: Group = { statement, rows: [...(rows ?? [])], keys: new Set(key === undefined ? [] : [key]) };
    if (rows !== undefined) open.set(text, next);
    merged.push(next);
  }
  return merged.map(({ statement, rows }) =>
    rows.length < 2 ? statement : { text: statement.text, values: [JSON.stringify(rows)] },
  );
}

interface Group {
  readonly statement: Statement;
  readonly rows: object[];
  readonly keys: Set<string>;
}

function isIn({ keys }: Group, key: string | undefined): boolean {
  return key !== undefined && keys.has(key);
}

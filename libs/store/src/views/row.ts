import type { Statement } from '../statement.js';

/** A row by column; objects and arrays of objects are stored as jsonb. */
export type Row = Readonly<Record<string, unknown>>;

export function insert(table: string, row: Row): Statement {
  const columns = Object.keys(row);
  const marks = columns.map((_, index) => `$${index + 1}`);
  return {
    text: `insert into ${table} (${columns.join(', ')}) values (${marks.join(', ')})`,
    values: columns.map((column) => value(row[column])),
  };
}

/** Sets the columns given where all of `where` hold. Columns that are undefined stay as they are. */
export function update(table: string, where: Row, row: Row): Statement {
  const columns = Object.keys(row).filter((column) => row[column] !== undefined);
  const conditions = Object.keys(where);
  const assignments = columns.map((column, index) => `${column} = $${index + 1}`);
  const tests = conditions.map((column, index) => `${column} = $${columns.length + index + 1}`);
  return {
    text: `update ${table} set ${assignments.join(', ')} where ${tests.join(' and ')}`,
    values: [...columns.map((column) => value(row[column])), ...conditions.map((column) => value(where[column]))],
  };
}

/**
 * As {@link insert} and {@link update}, for what many streams do in one commit: their rows go in one statement. Values
 * are JSON as the column takes it, objects and arrays as they are.
 */
export function insertTogether(table: string, row: Row): Statement {
  const columns = Object.keys(row).join(', ');
  const text = `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::jsonb)`;
  return ofRows(text, row);
}

/** Sets all columns that are given for the row of this id. */
export function updateTogether(table: string, id: string, row: Row): Statement {
  const assignments = Object.keys(row).map((column) => `${column} = r.${column}`);
  const text = `update ${table} t set ${assignments.join(', ')} from jsonb_populate_recordset(null::${table}, $1::jsonb) r where t.id = r.id`;
  return { ...ofRows(text, { id, ...row }), key: id };
}

function ofRows(text: string, row: Row): Statement {
  return { text, values: [JSON.stringify([row])], rows: [row] };
}

export function remove(table: string, where: Row): Statement {
  const conditions = Object.keys(where);
  const tests = conditions.map((column, index) => `${column} = $${index + 1}`);
  return {
    text: `delete from ${table} where ${tests.join(' and ')}`,
    values: conditions.map((column) => value(where[column])),
  };
}

/** pg would write an array as a Postgres array: those of text are wanted so, all else is jsonb. */
function value(input: unknown): unknown {
  if (input === undefined) return null;
  if (Array.isArray(input) && input.length > 0 && input.every((item) => typeof item === 'string')) return input;
  return typeof input === 'object' && input !== null && !(input instanceof Date) ? JSON.stringify(input) : input;
}

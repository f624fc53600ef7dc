/** One SQL statement with its values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Its one value is a JSON array of these: those of several statements of this text can go in one. */
  readonly rows?: readonly object[];
  /** Of a row that must not be in a statement twice: the second change of the same row. */
  readonly key?: string;
}

/** One SQL statement with its values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

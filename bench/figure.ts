/** One figure: our way, and the least that the same work takes on this machine, measured in the same run. */
export interface Figure {
  readonly what: string;
  readonly unit: '/s' | 'ms';
  readonly ours: number;
  readonly reference: number;
  /** Of ours to the reference: a rate wants at least this much, a time at most. */
  readonly limit: number;
}

export interface Measured {
  readonly figures: readonly Figure[];
  /** What explains them. */
  readonly notes: readonly string[];
}

/** Rows of a table, a headline first. */
export function table(figures: readonly Figure[]): string[] {
  const cells = [['what', 'ours', 'reference', 'ratio', 'limit', ''], ...figures.map(row)];
  return aligned(cells);
}

/** Columns as wide as they have to be; the first reads from the left, figures stand to the right. */
export function aligned(cells: readonly (readonly string[])[]): string[] {
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!);
  return cells.map((line) => line.map(pad).join('  ').trimEnd());
}

function row({ what, unit, ours, reference, limit }: Figure): string[] {
  const ratio = ours / reference;
  const isOk = unit === '/s' ? ratio >= limit : ratio <= limit;
  const bound = `${unit === '/s' ? '≥' : '≤'} ${limit.toFixed(2)}×`;
  return [what, shown(ours, unit), shown(reference, unit), `${ratio.toFixed(2)}×`, bound, isOk ? 'ok' : 'OVER'];
}

function shown(value: number, unit: Figure['unit']): string {
  return unit === '/s' ? `${Math.round(value).toLocaleString('en')}/s` : `${value.toFixed(1)} ms`;
}

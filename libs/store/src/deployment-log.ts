import type { Pool } from 'pg';

export interface LogRow {
  /** 1.. within the deployment. */
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  readonly stream: 'step' | 'stdout' | 'stderr';
  readonly step: string;
  readonly line: string;
}

export async function lastLogSeq(pool: Pool, deploymentId: string): Promise<number> {
  const { rows } = await pool.query<{ last: string }>(
    'select coalesce(max(seq), 0) as last from state.deployment_log where deployment_id = $1',
    [deploymentId],
  );
  return Number(rows[0]!.last);
}

export async function appendLog(pool: Pool, deploymentId: string, rows: readonly LogRow[]): Promise<void> {
  await pool.query(
    `insert into state.deployment_log (deployment_id, seq, at, stream, step, line)
      select $1, l.seq, l.at, l.stream, l.step, l.line
      from jsonb_to_recordset($2::jsonb) as l(seq bigint, at timestamptz, stream text, step text, line text)
      on conflict do nothing`,
    [deploymentId, JSON.stringify(rows)],
  );
}

/** Lines that the programs of one step have written. */
export async function countLog(
  pool: Pool,
  deploymentId: string,
  step: string,
): Promise<{ stdout: number; stderr: number }> {
  const { rows } = await pool.query<{ stdout: number; stderr: number }>(
    `select count(*) filter (where stream = 'stdout')::int as stdout, count(*) filter (where stream = 'stderr')::int as stderr
      from state.deployment_log where deployment_id = $1 and step = $2`,
    [deploymentId, step],
  );
  return rows[0]!;
}

/** Lines from `after` on, oldest first. */
export async function readLog(
  pool: Pool,
  deploymentId: string,
  { after, limit }: { after: number; limit: number },
): Promise<LogRow[]> {
  const { rows } = await pool.query<Omit<LogRow, 'seq' | 'at'> & { seq: string; at: Date }>(
    `select seq, at, stream, coalesce(step, '') as step, line from state.deployment_log
      where deployment_id = $1 and seq > $2 order by seq limit $3`,
    [deploymentId, after, limit],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq), at: row.at.toISOString() }));
}

import type { Pool } from 'pg';

/** Where lines come from. */
export interface LogOrigin {
  readonly workloadId: string;
  /** Docker's name. */
  readonly container: string;
  readonly containerId: string;
  readonly deploymentId: string | null;
  readonly instance: number | null;
}

export interface LogLine {
  /** Milliseconds since the epoch, by the engine's clock. */
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
}

/** How far a container's output is stored. */
export interface LogCursor {
  /** The engine's own instant of the newest record. */
  readonly at: string;
  /** Records of that very instant. */
  readonly repeats: number;
}

export interface LogChunk extends LogOrigin {
  /** Of its first line: lines of a workload are numbered from 1 on. */
  readonly seq: number;
  readonly lines: readonly LogLine[];
}

export interface LogWrite {
  readonly chunks: readonly LogChunk[];
  readonly cursors: ReadonlyMap<string, LogCursor & { readonly workloadId: string }>;
  readonly lease: { readonly subject: string; readonly epoch: number };
}

/** All of it or nothing. False: the lease is lost, somebody else writes these now. Safe to send again. */
export async function writeLog(pool: Pool, { chunks, cursors, lease }: LogWrite): Promise<boolean> {
  const column = <T>(of: (chunk: LogChunk) => T): T[] => chunks.map(of);
  const bodies = chunks.map(bodyOf);
  const heads = new Map<string, number>();
  for (const { workloadId, seq, lines } of chunks)
    heads.set(workloadId, Math.max(heads.get(workloadId) ?? 0, seq + lines.length));
  const at = [...cursors];
  const { rows } = await pool.query<{ held: boolean }>({
    name: 'write-log',
    text: `with held as materialized (
        select from state.lease where subject = $1 and epoch = $2 and until > clock_timestamp()),
      chunk as (insert into state.log_chunk
          (workload_id, seq, lines, bytes, container, container_id, deployment_id, instance, first_at, last_at, body)
        select ${COLUMNS}, to_timestamp(c2.first_at / 1000), to_timestamp(c2.last_at / 1000), c2.body
        from unnest($3::uuid[], $4::bigint[], $5::int[], $6::int[], $7::text[], $8::text[], $9::uuid[], $10::int[])
            with ordinality as c (workload_id, seq, lines, bytes, container, container_id, deployment_id, instance, n)
          join unnest($11::float8[], $12::float8[], $13::text[]) with ordinality as c2 (first_at, last_at, body, n)
            using (n)
        where exists (select from held) on conflict do nothing),
      head as (insert into state.log_head as h (workload_id, next)
        select * from unnest($14::uuid[], $15::bigint[]) where exists (select from held)
        on conflict (workload_id) do update set next = greatest(h.next, excluded.next)),
      cursor as (insert into state.log_cursor (container_id, workload_id, at, repeats)
        select * from unnest($16::text[], $17::uuid[], $18::text[], $19::int[]) where exists (select from held)
        on conflict (container_id) do update
          set at = excluded.at, repeats = excluded.repeats, seen_at = clock_timestamp())
      select exists (select from held) as held`,
    values: [
      lease.subject,
      lease.epoch,
      column(({ workloadId }) => workloadId),
      column(({ seq }) => seq),
      column(({ lines }) => lines.length),
      bodies.map((body) => Buffer.byteLength(body)),
      column(({ container }) => container),
      column(({ containerId }) => containerId),
      column(({ deploymentId }) => deploymentId),
      column(({ instance }) => instance),
      column(({ lines }) => lines[0]!.at),
      column(({ lines }) => lines.at(-1)!.at),
      bodies,
      [...heads.keys()],
      [...heads.values()],
      at.map(([containerId]) => containerId),
      at.map(([, { workloadId }]) => workloadId),
      at.map(([, cursor]) => cursor.at),
      at.map(([, { repeats }]) => repeats),
    ],
  });
  return rows[0]!.held;
}

const COLUMNS = 'c.workload_id, c.seq, c.lines, c.bytes, c.container, c.container_id, c.deployment_id, c.instance';

export interface LogRing {
  /** Number of the next line. */
  readonly next: number;
  readonly bytes: number;
}

export async function readRings(pool: Pool, workloadIds: readonly string[]): Promise<ReadonlyMap<string, LogRing>> {
  const { rows } = await pool.query<{ id: string; next: string; bytes: string }>(
    `select w.id, coalesce(h.next, 1) as next,
        (select coalesce(sum(c.bytes), 0) from state.log_chunk c where c.workload_id = w.id) as bytes
      from unnest($1::uuid[]) as w(id) left join state.log_head h on h.workload_id = w.id`,
    [workloadIds],
  );
  return new Map(rows.map(({ id, next, bytes }) => [id, { next: Number(next), bytes: Number(bytes) }]));
}

/** Throws the oldest chunks away, as many as are over; returns the bytes that are left. */
export async function trimRing(pool: Pool, workloadId: string, most: number): Promise<number> {
  await pool.query(
    `delete from state.log_chunk where workload_id = $1 and seq in (
      select seq from (select seq, sum(bytes) over (order by seq desc) as newer
        from state.log_chunk where workload_id = $1) c where c.newer > $2)`,
    [workloadId, most],
  );
  return (await readRings(pool, [workloadId])).get(workloadId)!.bytes;
}

export async function readCursor(pool: Pool, containerId: string): Promise<LogCursor | null> {
  const { rows } = await pool.query<LogCursor>('select at, repeats from state.log_cursor where container_id = $1', [
    containerId,
  ]);
  return rows[0] ?? null;
}

/** Containers that are still there: their cursors stay. */
export async function touchCursors(pool: Pool, containerIds: readonly string[]): Promise<void> {
  await pool.query('update state.log_cursor set seen_at = clock_timestamp() where container_id = any($1)', [
    containerIds,
  ]);
}

interface ChunkRow extends LogOrigin {
  readonly seq: string;
  readonly first: Date;
  readonly body: string;
}

const SELECT = `select workload_id as "workloadId", seq, container, container_id as "containerId",
  deployment_id as "deploymentId", instance, first_at as first, body from state.log_chunk`;

/** Those that hold lines after this one, oldest first. */
export async function chunksAfter(
  pool: Pool,
  workloadId: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly LogChunk[]> {
  const { rows } = await pool.query<ChunkRow>({
    name: 'log-after',
    text: `${SELECT} where workload_id = $1 and seq + lines > $2 and seq >= coalesce(
      (select max(seq) from state.log_chunk where workload_id = $1 and seq <= $2), 0) order by seq limit $3`,
    values: [workloadId, after + 1, limit],
  });
  return rows.map(chunkOf);
}

/** Those that begin before this line, newest first. */
export async function chunksBefore(
  pool: Pool,
  workloadId: string,
  { before, limit }: { readonly before: number; readonly limit: number },
): Promise<readonly LogChunk[]> {
  const { rows } = await pool.query<ChunkRow>({
    name: 'log-before',
    text: `${SELECT} where workload_id = $1 and seq < $2 order by seq desc limit $3`,
    values: [workloadId, before, limit],
  });
  return rows.map(chunkOf);
}

/** One line of text per line: milliseconds after the chunk's first, `o` or `e`, and what was written. */
function bodyOf({ lines }: LogChunk): string {
  const first = lines[0]!.at;
  return lines
    .map(({ at, stream, line }) => `${Math.max(0, at - first)}${stream === 'stderr' ? 'e' : 'o'}${line}`)
    .join('\n');
}

function chunkOf({ seq, first, body, ...origin }: ChunkRow): LogChunk {
  const start = first.getTime();
  const lines = body.split('\n').map((text): LogLine => {
    let end = 0;
    while (text.charCodeAt(end) < 58) end += 1;
    const stream = text[end] === 'e' ? 'stderr' : 'stdout';
    return { at: start + Number(text.slice(0, end)), stream, line: text.slice(end + 1) };
  });
  return { ...origin, seq: Number(seq), lines };
}

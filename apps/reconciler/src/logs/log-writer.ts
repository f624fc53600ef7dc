import type { Pool } from 'pg';
import type { Logger } from '#runtime/logging';
import {
  readRings,
  trimRing,
  writeLog,
  type LogChunk,
  type LogCursor,
  type LogLine,
  type LogOrigin,
  type LogWrite,
} from '#store/container-log';
import type { HeldLease } from '#store/held-lease';

export interface LogWriterDeps {
  readonly pool: Pool;
  readonly held: HeldLease;
  readonly logger: Logger;
}

export interface LogWriter {
  /** Waits while more is pending than should be: whoever follows then reads no further. */
  write(origin: LogOrigin, lines: readonly LogLine[], cursor: LogCursor): Promise<void>;
  /** Stores what was given, once: what the database does not take now is read again by the next leader. */
  stop(): Promise<void>;
}

const FLUSH_MS = 100;
const CHUNK_BYTES = 64 * 1024;
/** Bytes that wait for the database before anybody has to wait for it. */
const MOST_PENDING = 4 * 1024 * 1024;
const RETRY_MS = 500;
/** Bytes kept per workload, and how many more there may be before the oldest go. */
export const RING_BYTES = 4 * 1024 * 1024;
const SLACK = 512 * 1024;

interface Pending {
  readonly origin: LogOrigin;
  readonly lines: LogLine[];
  cursor: LogCursor;
}

/** Chunks of at most 64 KiB, at the latest 100 ms after a line came: one statement for all containers of the node. */
export function createLogWriter(deps: LogWriterDeps): LogWriter {
  let pending = new Map<string, Pending>();
  let pendingBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | null = null;
  let isStopping = false;
  const rings = new Map<string, { next: number; bytes: number }>();

  const mayGoOn = (): boolean => !deps.held.signal.aborted;
  const work = async (): Promise<void> => {
    do {
      const batch = pending;
      pending = new Map();
      pendingBytes = 0;
      await store(deps, batch, { rings, mayRetry: () => mayGoOn() && !isStopping });
    } while (pending.size > 0 && mayGoOn());
    // In the same turn as the last look: what comes next begins anew.
    writing = null;
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (pending.size === 0 && writing === null) return Promise.resolve();
    writing ??= work();
    return writing;
  };
  return {
    async stop() {
      isStopping = true;
      await flush();
    },
    async write(origin, lines, cursor) {
      if (isStopping || !mayGoOn()) return;
      const known = pending.get(origin.containerId) ?? { origin, lines: [], cursor };
      pending.set(origin.containerId, known);
      for (const line of lines) known.lines.push(line);
      known.cursor = cursor;
      pendingBytes += lines.reduce((sum, { line }) => sum + line.length, 0);
      if (pendingBytes >= CHUNK_BYTES) void flush();
      else timer ??= setTimeout(() => void flush(), FLUSH_MS);
      if (pendingBytes >= MOST_PENDING) await flush();
    },
  };
}

interface Storing {
  readonly rings: Map<string, { next: number; bytes: number }>;
  readonly mayRetry: () => boolean;
}

/** Until it is stored or the lease is lost: the same batch under the same numbers, however often it is sent. */
async function store(
  { pool, held, logger }: LogWriterDeps,
  batch: ReadonlyMap<string, Pending>,
  { rings, mayRetry }: Storing,
): Promise<void> {
  let write: LogWrite | null = null;
  let isTold = false;
  for (;;) {
    try {
      write ??= await number(pool, held, batch, rings);
      if (!(await writeLog(pool, write))) return;
      return await trim(pool, write, rings);
    } catch (error) {
      if (!isTold) logger.warn({ err: error }, 'Output of containers could not be stored; it is tried again');
      isTold = true;
      if (!mayRetry()) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function number(
  pool: Pool,
  held: HeldLease,
  batch: ReadonlyMap<string, Pending>,
  rings: Map<string, { next: number; bytes: number }>,
): Promise<LogWrite> {
  const unknown = [...batch.values()].map(({ origin }) => origin.workloadId).filter((id) => !rings.has(id));
  if (unknown.length > 0) {
    for (const [id, ring] of await readRings(pool, [...new Set(unknown)])) rings.set(id, { ...ring });
  }
  const chunks: LogChunk[] = [];
  const cursors = new Map<string, LogCursor & { workloadId: string }>();
  for (const { origin, lines, cursor } of batch.values()) {
    const ring = rings.get(origin.workloadId)!;
    cursors.set(origin.containerId, { ...cursor, workloadId: origin.workloadId });
    for (const part of split(lines)) {
      chunks.push({ ...origin, seq: ring.next, lines: part });
      ring.next += part.length;
      ring.bytes += sizeOf(part);
    }
  }
  return { chunks, cursors, lease: { subject: held.subject, epoch: held.epoch } };
}

function split(lines: readonly LogLine[]): readonly (readonly LogLine[])[] {
  const parts: LogLine[][] = [];
  let bytes = CHUNK_BYTES;
  for (const line of lines) {
    const size = sizeOf([line]);
    if (bytes + size > CHUNK_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(line);
    bytes += size;
  }
  return parts;
}

/** With what a line takes beside its text. */
function sizeOf(lines: readonly LogLine[]): number {
  return lines.reduce((sum, { line }) => sum + Buffer.byteLength(line) + 8, 0);
}

async function trim(
  pool: Pool,
  { chunks }: LogWrite,
  rings: Map<string, { next: number; bytes: number }>,
): Promise<void> {
  for (const workloadId of new Set(chunks.map((chunk) => chunk.workloadId))) {
    const ring = rings.get(workloadId)!;
    if (ring.bytes > RING_BYTES + SLACK) ring.bytes = await trimRing(pool, workloadId, RING_BYTES);
  }
}

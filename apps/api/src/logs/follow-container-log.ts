import type { Pool } from 'pg';
import { chunksAfter, chunksBefore, type LogChunk, type LogLine } from '#store/container-log';
import type { Message } from '../http/follow.js';

const CHUNKS = 8;
/** Looks while lines come, and when they have not for a while. */
const BUSY_MS = 100;
const IDLE_MS = 500;

export interface Reading {
  readonly workloadId: string;
  /** `seq` of the last line that the reader has; null = begin with the tail. */
  readonly after: number | null;
  /** Lines from the end to begin with. */
  readonly tail: number;
  readonly follow: boolean;
  readonly isWanted: (line: LogLine) => boolean;
  /** False once the reader may not read any more. */
  readonly isAllowed: () => Promise<boolean>;
}

/**
 * What the containers of a workload said, then (null = nothing new) what they say. A reader that is slower than the
 * ring is told how many lines it missed.
 */
export async function* followContainerLog(pool: Pool, reading: Reading): AsyncGenerator<readonly Message[] | null> {
  const { workloadId, follow, isWanted, isAllowed } = reading;
  const start = reading.after === null ? await tailOf(pool, reading) : { seen: reading.after, messages: [] };
  let { seen } = start;
  let quiet = 0;
  if (start.messages.length > 0) yield start.messages;
  while (await isAllowed()) {
    const isThere = await isPresent(pool, workloadId);
    const chunks = await chunksAfter(pool, workloadId, { after: seen, limit: CHUNKS });
    const messages: Message[] = [];
    for (const chunk of chunks) {
      if (chunk.seq > seen + 1 && seen > 0) messages.push(gap(seen, chunk.seq));
      messages.push(...messagesOf(chunk, isWanted, seen));
      seen = Math.max(seen, chunk.seq + chunk.lines.length - 1);
    }
    if (messages.length > 0) yield messages;
    if (chunks.length > 0) quiet = 0;
    if (chunks.length === CHUNKS) continue;
    if (!follow || !isThere) return;
    yield null;
    quiet += 1;
    await new Promise((resolve) => setTimeout(resolve, quiet < 20 ? BUSY_MS : IDLE_MS));
  }
}

/** The last lines that are wanted, oldest first, and the number of the newest of all. */
async function tailOf(
  pool: Pool,
  { workloadId, tail, isWanted }: Reading,
): Promise<{ readonly seen: number; readonly messages: readonly Message[] }> {
  let seen = 0;
  let before = Number.MAX_SAFE_INTEGER;
  const found: Message[][] = [];
  let count = 0;
  for (;;) {
    const chunks = await chunksBefore(pool, workloadId, { before, limit: CHUNKS });
    for (const chunk of chunks) {
      if (seen === 0) seen = chunk.seq + chunk.lines.length - 1;
      if (count >= tail) break;
      const messages = messagesOf(chunk, isWanted, 0).slice(count - tail);
      found.push(messages);
      count += messages.length;
    }
    before = chunks.at(-1)?.seq ?? 0;
    if (chunks.length < CHUNKS || count >= tail) return { seen, messages: found.reverse().flat() };
  }
}

function messagesOf(chunk: LogChunk, isWanted: Reading['isWanted'], after: number): Message[] {
  const { container, containerId, deploymentId, instance } = chunk;
  const messages: Message[] = [];
  for (const [index, line] of chunk.lines.entries()) {
    const seq = chunk.seq + index;
    if (seq <= after || !isWanted(line)) continue;
    const at = new Date(line.at).toISOString();
    const origin = { container, containerId, deploymentId, instance };
    messages.push({ id: String(seq), event: null, data: { seq, at, stream: line.stream, ...origin, line: line.line } });
  }
  return messages;
}

function gap(seen: number, next: number): Message {
  return { id: String(next - 1), event: 'gap', data: { seq: next - 1, event: 'gap', missed: next - 1 - seen } };
}

async function isPresent(pool: Pool, workloadId: string): Promise<boolean> {
  const { rows } = await pool.query<{ there: boolean }>({
    name: 'workload-there',
    text: `select lifecycle <> 'gone' as there from view.workload where id = $1`,
    values: [workloadId],
  });
  return rows[0]?.there === true;
}

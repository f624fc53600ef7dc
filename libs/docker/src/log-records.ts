import { refuseOddId } from './containers.js';
import { dialStream } from './dial.js';
import type { FollowRecords, LogRecord } from './docker.js';
import type { Engine } from './engine.js';

const HEADER_BYTES = 8;
/** A program may be silent for as long as it likes: the caller's signal is the only end but its own. */
const NO_DEADLINE_MS = 2_147_483_647;
/** RFC 3339 with nanoseconds, as the engine writes it. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
const INSTANT_LENGTH = 30;
/** More of one record is cut into two: the engine's own stay below. */
const MOST_BYTES = 1024 * 1024;
const LF = 10;

interface Follow extends FollowRecords {
  readonly id: string;
}

export async function followRecords(engine: Engine, { id, since, tail, onRecords, signal }: Follow): Promise<void> {
  refuseOddId(id);
  const call = { what: `follow the logs of ${id}`, milliseconds: NO_DEADLINE_MS, signal, long: true };
  await engine.call(call, async (client, deadline) => {
    const query = {
      stdout: true,
      stderr: true,
      follow: true,
      timestamps: true,
      tail: tail ?? 'all',
      ...(since !== null && { since: asUnix(since) }),
    };
    const stream = await dialStream(client, { path: `/containers/${id}/logs`, query, signal: deadline.signal });
    const read = createRecordReader();
    // The next chunk is asked for when these are dealt with: whoever is slow slows the engine, never the program.
    for await (const chunk of stream) {
      const records = read(chunk as Buffer);
      if (records.length > 0) await onRecords(records);
    }
  });
}

function asUnix(instant: string): string {
  const seconds = Date.parse(`${instant.slice(0, 19)}Z`) / 1000;
  return `${seconds}.${instant.slice(20, 29)}`;
}

/**
 * Each frame of the engine's multiplexed format is one record: a line, or 16 KiB of one. A container with a terminal
 * sends lines bare; a first byte sequence that is no header tells.
 */
export function createRecordReader(): (chunk: Buffer) => LogRecord[] {
  let held: Buffer = Buffer.alloc(0);
  let isBare: boolean | null = null;
  return (chunk) => {
    held = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
    if (isBare === null) {
      if (held.length < HEADER_BYTES) return [];
      isBare = held[0]! > 2 || held.readUIntBE(1, 3) !== 0;
    }
    const { records, rest } = isBare ? readLines(held) : readFrames(held);
    held = rest;
    return records;
  };
}

interface Read {
  readonly records: LogRecord[];
  readonly rest: Buffer;
}

function readFrames(bytes: Buffer): Read {
  const records: LogRecord[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) break;
    const record = recordOf(bytes[at] === 2 ? 'stderr' : 'stdout', bytes.subarray(at + HEADER_BYTES, end));
    if (record !== null) records.push(record);
    at = end;
  }
  return { records, rest: bytes.subarray(at) };
}

function readLines(bytes: Buffer): Read {
  const records: LogRecord[] = [];
  let at = 0;
  for (;;) {
    const lf = bytes.indexOf(LF, at);
    const end = lf >= 0 ? lf + 1 : bytes.length - at > MOST_BYTES ? at + MOST_BYTES : -1;
    if (end < 0) break;
    const record = recordOf('stdout', bytes.subarray(at, end));
    if (record !== null) records.push(record);
    at = end;
  }
  return { records, rest: bytes.subarray(at) };
}

/** Null for what carries no instant: it is none of the engine's records. */
function recordOf(stream: LogRecord['stream'], bytes: Buffer): LogRecord | null {
  const at = bytes.toString('latin1', 0, INSTANT_LENGTH);
  if (!INSTANT.test(at)) return null;
  const isWhole = bytes[bytes.length - 1] === LF;
  return { stream, at, bytes: bytes.subarray(INSTANT_LENGTH + 1, isWhole ? bytes.length - 1 : bytes.length), isWhole };
}

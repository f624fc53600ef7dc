import { StringDecoder } from 'node:string_decoder';
import { refuseOddId } from './containers.js';
import { dialStream } from './dial.js';
import type { LogLine } from './docker.js';
import type { Engine } from './engine.js';

const MAX_BYTES = 64 * 1024;
const HEADER_BYTES = 8;

interface Tail {
  readonly id: string;
  readonly lines: number;
  readonly signal?: AbortSignal | undefined;
}

export async function tailLogs(engine: Engine, { id, lines, signal }: Tail): Promise<readonly LogLine[]> {
  refuseOddId(id);
  const call = { what: `read the logs of ${id}`, milliseconds: engine.deadlines.look, signal, long: true };
  return engine.call(call, async (client, deadline) => {
    const query = { stdout: true, stderr: true, follow: false, tail: lines };
    const stream = await dialStream(client, { path: `/containers/${id}/logs`, query, signal: deadline.signal });
    const kept = keepLast(lines);
    const assemble = { stdout: lineReader('stdout', kept.add), stderr: lineReader('stderr', kept.add) };
    for await (const part of readFrames(stream)) assemble[part.stream].write(part.bytes);
    assemble.stdout.end();
    assemble.stderr.end();
    return kept.lines;
  });
}

interface Follow {
  readonly id: string;
  readonly onLine: (line: LogLine) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A program may be silent for as long as it likes: the caller's signal is the only end but its own. */
const NO_DEADLINE_MS = 2_147_483_647;

export async function followLogs(engine: Engine, { id, onLine, signal }: Follow): Promise<void> {
  refuseOddId(id);
  const call = { what: `follow the logs of ${id}`, milliseconds: NO_DEADLINE_MS, signal, long: true };
  await engine.call(call, async (client, deadline) => {
    const query = { stdout: true, stderr: true, follow: true, tail: 'all' };
    const stream = await dialStream(client, { path: `/containers/${id}/logs`, query, signal: deadline.signal });
    const assemble = { stdout: lineReader('stdout', onLine), stderr: lineReader('stderr', onLine) };
    for await (const part of readFrames(stream)) assemble[part.stream].write(part.bytes);
    assemble.stdout.end();
    assemble.stderr.end();
  });
}

interface Part {
  readonly stream: LogLine['stream'];
  readonly bytes: Buffer;
}

/**
 * Docker's multiplexed format: stream number, three zeroes, length (big endian), payload. A container with a terminal
 * sends its bytes bare; a first byte sequence that is no header tells.
 */
export async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<Part> {
  let held: Buffer = Buffer.alloc(0);
  let isBare: boolean | null = null;
  let open: { stream: Part['stream']; left: number } | null = null;
  for await (const chunk of stream) {
    held = held.length ? Buffer.concat([held, chunk]) : chunk;
    if (isBare === null && held.length >= HEADER_BYTES) isBare = held[0]! > 2 || held.readUIntBE(1, 3) !== 0;
    while (isBare === false && (open ? held.length > 0 : held.length >= HEADER_BYTES)) {
      if (open) {
        const bytes: Buffer = held.subarray(0, open.left);
        yield { stream: open.stream, bytes };
        held = held.subarray(bytes.length);
        open.left -= bytes.length;
      } else {
        open = { stream: held[0] === 2 ? 'stderr' : 'stdout', left: held.readUInt32BE(4) };
        held = held.subarray(HEADER_BYTES);
      }
      if (open.left === 0) open = null;
    }
    if (isBare) {
      yield { stream: 'stdout', bytes: held };
      held = Buffer.alloc(0);
    }
  }
  if (isBare === null && held.length) yield { stream: 'stdout', bytes: held };
}

/** A line longer than all that is kept loses its beginning. */
function lineReader(
  stream: LogLine['stream'],
  add: (line: LogLine) => void,
): { write(bytes: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const put = (line: string) => add({ stream, line: line.replace(/\r$/, '') });
  return {
    write(bytes) {
      const pieces = (rest + decoder.write(bytes)).split('\n');
      rest = (pieces.pop() ?? '').slice(-MAX_BYTES);
      pieces.forEach(put);
    },
    end() {
      rest += decoder.end();
      if (rest) put(rest);
    },
  };
}

function keepLast(most: number): { lines: LogLine[]; add: (line: LogLine) => void } {
  const lines: LogLine[] = [];
  let bytes = 0;
  const add = ({ stream, line }: LogLine): void => {
    const kept = cut(line);
    lines.push({ stream, line: kept });
    bytes += Buffer.byteLength(kept);
    while (lines.length > most || bytes > MAX_BYTES) bytes -= Buffer.byteLength(lines.shift()!.line);
  };
  return { lines, add };
}

/** The last bytes of a line, without half a character at its head. */
function cut(line: string): string {
  const bytes = Buffer.from(line);
  return bytes.length <= MAX_BYTES
    ? line
    : bytes
        .subarray(-MAX_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, '');
}

import type { LogRecord } from '#docker/docker';
import type { LogCursor, LogLine } from '#store/container-log';

/** Bytes of one line; what is longer is cut, at a character. */
export const MOST_LINE_BYTES = 16 * 1024;
const CUT = ' …(cut)';

export interface Assembled {
  readonly lines: readonly LogLine[];
  /** Of the last line that is among them, or before; null while there was none. */
  readonly cursor: LogCursor | null;
}

export interface Assembler {
  add(records: readonly LogRecord[]): Assembled;
  /** The container has ended: what has no line feed is a line, too. */
  end(): Assembled;
}

interface Open {
  readonly parts: Buffer[];
  bytes: number;
  at: string;
}

/** Lines out of records, from a cursor on: what it says is stored is passed over. */
export function createAssembler(from: LogCursor | null): Assembler {
  const open: Record<LogRecord['stream'], Open> = { stdout: fresh(), stderr: fresh() };
  let cursor = from;
  let toSkip = from?.repeats ?? 0;
  // Records of the newest instant so far; their lines may be open yet.
  let newest = { at: from?.at ?? '', count: from?.repeats ?? 0 };

  const isStored = ({ at }: LogRecord): boolean => {
    if (from === null || at > from.at) return false;
    if (at < from.at) return true;
    toSkip -= 1;
    return toSkip >= 0;
  };
  const close = (stream: LogRecord['stream']): LogLine => {
    const { parts, bytes, at } = open[stream];
    open[stream] = fresh();
    cursor = { at: newest.at, repeats: newest.count };
    return { at: Date.parse(`${at.slice(0, 23)}Z`), stream, line: textOf(parts, bytes) };
  };
  return {
    add(records) {
      const lines: LogLine[] = [];
      for (const record of records) {
        if (isStored(record)) continue;
        if (record.at > newest.at) newest = { at: record.at, count: 0 };
        if (record.at === newest.at) newest.count += 1;
        const line = open[record.stream];
        if (line.parts.length === 0) line.at = record.at;
        // The stream's chunk is much larger than what is kept of it for long.
        if (line.bytes <= MOST_LINE_BYTES) line.parts.push(record.isWhole ? record.bytes : Buffer.from(record.bytes));
        line.bytes += record.bytes.length;
        if (record.isWhole) lines.push(close(record.stream));
      }
      return { lines, cursor };
    },
    end() {
      const streams = (['stdout', 'stderr'] as const).filter((stream) => open[stream].parts.length > 0);
      return { lines: streams.map(close), cursor };
    },
  };
}

function fresh(): Open {
  return { parts: [], bytes: 0, at: '' };
}

/** No NUL, which the database has no text for, and no line feed; all else stays as it was written. */
function textOf(parts: readonly Buffer[], bytes: number): string {
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  const text = bytes > MOST_LINE_BYTES ? `${cut(whole)}${CUT}` : whole.toString('utf8');
  return text.replaceAll('\u0000', '\u2400').replace(/\r$/, '').replaceAll('\n', '\u240a');
}

function cut(bytes: Buffer): string {
  let end = MOST_LINE_BYTES - Buffer.byteLength(CUT);
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

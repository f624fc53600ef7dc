import type { Pool } from 'pg';
import { blank } from '#domain/one-line';
import { appendLog, countLog, lastLogSeq, type LogRow } from '#store/deployment-log';

export interface DeploymentLog {
  /** `seq` that the next line gets. */
  readonly next: number;
  write(step: string, line: string, stream?: LogRow['stream']): void;
  flush(): Promise<void>;
  /** Without the secrets of this deployment. */
  readonly redact: (text: string) => string;
  /** Lines that the programs of a step have written. */
  count(step: string): Promise<{ readonly stdout: number; readonly stderr: number }>;
}

const FLUSH_MS = 100;
const MOST_LINE_BYTES = 8192;

/** Buffers lines for 100 ms; known secrets are blanked before anything is kept. */
export async function openDeploymentLog(
  pool: Pool,
  deploymentId: string,
  secrets: readonly string[],
): Promise<DeploymentLog> {
  let next = (await lastLogSeq(pool, deploymentId)) + 1;
  let rows: LogRow[] = [];
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  const write = async () => {
    const batch = rows;
    rows = [];
    if (batch.length === 0) return;
    await appendLog(pool, deploymentId, batch).catch((error: unknown) => {
      rows = [...batch, ...rows];
      throw error;
    });
  };
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    writing = writing.catch(() => undefined).then(write);
    return writing;
  };
  return {
    get next() {
      return next;
    },
    write(step, line, stream = 'step') {
      rows.push({ seq: next, at: new Date().toISOString(), stream, step, line: clean(line, secrets) });
      next += 1;
      // What could not be written stays, and is seen by the flush() that somebody waits for.
      timer ??= setTimeout(() => void flush().catch(() => undefined), FLUSH_MS);
    },
    flush,
    redact: (text) => blank(text, secrets),
    async count(step) {
      await flush();
      return countLog(pool, deploymentId, step);
    },
  };
}

function clean(line: string, secrets: readonly string[]): string {
  return blank(line, secrets).replaceAll('\u0000', '').slice(0, MOST_LINE_BYTES);
}

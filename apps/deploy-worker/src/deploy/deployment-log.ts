import type { Pool } from 'pg';
import { appendLog, lastLogSeq, type LogRow } from '#store/deployment-log';

export interface DeploymentLog {
  /** `seq` that the next line gets. */
  readonly next: number;
  write(step: string, line: string, stream?: LogRow['stream']): void;
  flush(): Promise<void>;
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
  const flush = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const batch = rows;
    rows = [];
    if (batch.length > 0) writing = writing.then(() => appendLog(pool, deploymentId, batch));
    return writing;
  };
  return {
    get next() {
      return next;
    },
    write(step, line, stream = 'step') {
      rows.push({ seq: next, at: new Date().toISOString(), stream, step, line: clean(line, secrets) });
      next += 1;
      // A failed write is seen by the next flush() that somebody waits for.
      timer ??= setTimeout(() => void flush().catch(() => undefined), FLUSH_MS);
    },
    flush,
  };
}

function clean(line: string, secrets: readonly string[]): string {
  const blanked = secrets.reduce((text, secret) => (secret === '' ? text : text.replaceAll(secret, '•••')), line);
  return blanked.replaceAll('\u0000', '').slice(0, MOST_LINE_BYTES);
}

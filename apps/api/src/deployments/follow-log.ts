import { readLog } from '#store/deployment-log';
import type { Store } from '#store/store';
import type { Message } from '../http/follow.js';

const CHUNK = 1_000;
const POLL_MS = 250;

export interface Following {
  /** `seq` of the last line that the reader has. */
  readonly after: number;
  readonly follow: boolean;
  /** False once the reader may not read any more. */
  readonly isAllowed: () => Promise<boolean>;
}

/** The lines of a deployment, then (null = nothing new) those that come, until its worker has no more duty. */
export async function* followLog(
  store: Store,
  id: string,
  { after, follow, isAllowed }: Following,
): AsyncGenerator<Message | null> {
  let seen = after;
  while (await isAllowed()) {
    // Asked before the lines are read: what was written before the end is then among them.
    const isOver = !follow || (await hasEnded(store, id));
    const rows = await readLog(store.pool, id, { after: seen, limit: CHUNK });
    for (const row of rows) yield { id: String(row.seq), event: null, data: row };
    seen = rows.at(-1)?.seq ?? seen;
    if (rows.length === CHUNK) continue;
    if (isOver) return;
    yield null;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function hasEnded(store: Store, id: string): Promise<boolean> {
  const { rows } = await store.pool.query<{ open: boolean }>({
    name: 'deployment-open',
    text: 'select is_unfinished as open from view.deployment where id = $1',
    values: [id],
  });
  return rows[0]?.open !== true;
}

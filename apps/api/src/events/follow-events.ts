import type { DataSource } from 'typeorm';
import type { Sequencer } from '#store/sequencer';
import type { Message } from '../http/follow.js';
import { listEvents } from './history.js';

const CHUNK = 200;
/** A look without a sign of life, and the pause after which a reader that went away is noticed. */
const LOOK_MS = 1_000;

export interface Following {
  /** Null = the end of the log. */
  readonly after: string | null;
  readonly scope: readonly string[] | null;
  readonly isAllowed: () => Promise<boolean>;
}

/** Numbered events as they come; `reset` first when some of those after `after` are gone. */
export async function* followEvents(
  { reads, sequencer }: { reads: DataSource; sequencer: Pick<Sequencer, 'onAdvance'> },
  { after, scope, isAllowed }: Following,
): AsyncGenerator<Message | null> {
  let wake: () => void = () => undefined;
  let hasNews = false;
  const stop = sequencer.onAdvance(() => {
    hasNews = true;
    wake();
  });
  try {
    let seen = after ?? (await headOf(reads));
    if (after !== null && (await isGone(reads, after))) {
      seen = await headOf(reads);
      yield { id: seen, event: 'reset', data: { position: seen } };
    }
    while (await isAllowed()) {
      hasNews = false;
      const head = await headOf(reads);
      const { items } = await listEvents(reads, { limit: CHUNK, after: seen }, scope);
      for (const event of items) yield { id: event.position, event: null, data: event };
      if (items.length > 0) seen = items.at(-1)?.position ?? seen;
      if (items.length === CHUNK) continue;
      // What the reader may not see is passed over, or every look would read it again.
      if (BigInt(head) > BigInt(seen)) seen = head;
      yield null;
      if (!hasNews) await new Promise<void>((resolve) => setTimeout((wake = resolve), LOOK_MS));
    }
  } finally {
    stop();
  }
}

async function headOf(reads: DataSource): Promise<string> {
  const rows: { head: string }[] = await reads.query('select coalesce(max(position), 0) as head from log.position');
  return rows[0]?.head ?? '0';
}

/** Ahead of the log (a backup was restored), or events after it were pruned. */
async function isGone(reads: DataSource, after: string): Promise<boolean> {
  const rows: { gone: boolean }[] = await reads.query(
    `select $1::bigint > coalesce((select max(position) from log.position), 0)
      or exists (select from log.pruned g join log.position p on p.event_id = g.event_id where p.position > $1) as gone`,
    [after],
  );
  return rows[0]?.gone === true;
}

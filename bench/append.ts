import { v7 as uuidv7 } from 'uuid';
import { appendStatement, type NewEvent } from '#store/append';
import { verifyChain } from '#store/chain';
import { migrate } from '#store/migrate';
import { inTransaction } from '#store/pipeline';
import { startSequencer } from '#store/sequencer';
import { createStore, type Store } from '#store/store';
import type { Measured } from './figure.js';
import type { Cluster } from './ground.js';
import { inTurn, instant, median } from './rounds.js';

const WRITERS = 32;
const EVENTS = 12_000;
const ROUNDS = 4;
const LIMIT = 0.7;
const PAGE = 1_000;

/** Appended by 32 writers, numbered, chained and read back in order; against the same statement that nobody numbers. */
export async function appending(cluster: Cluster): Promise<Measured> {
  const [numbered, plain] = [await cluster.createDatabase(), await cluster.createDatabase()];
  await Promise.all([numbered, plain].map((databaseUrl) => migrate(databaseUrl)));
  const [ours, bare] = [numbered, plain].map((databaseUrl) =>
    createStore({ databaseUrl, maxConnections: WRITERS }),
  ) as [Store, Store];
  try {
    await appendAndRead(ours, numbered, 2_000);
    await append(bare, 2_000);
    const results = await inTurn(
      ROUNDS,
      () => appendAndRead(ours, numbered, EVENTS),
      () => rateOf(EVENTS, () => append(bare, EVENTS)),
    );
    const report = await verifyChain(ours.pool);
    if (!report.intact || report.head.position !== String(2_000 + ROUNDS * EVENTS))
      throw new Error(`the chain is not whole: ${JSON.stringify(report)}`);
    const what = `append, sequence, chain, read back, ${WRITERS} writers`;
    const figure = {
      what,
      unit: '/s',
      ours: median(results.ours),
      reference: median(results.reference),
      limit: LIMIT,
    } as const;
    return {
      figures: [figure],
      notes: [
        `reference: the same appends, not numbered and not read; ${EVENTS} events, ${ROUNDS} rounds in turn; chain verified`,
      ],
    };
  } finally {
    await Promise.all([ours.close(), bare.close()]);
  }
}

/** Events per second until the last one was read by its position. */
async function appendAndRead(store: Store, databaseUrl: string, count: number): Promise<number> {
  const before = Number(await store.headPosition());
  const sequencer = startSequencer({ databaseUrl });
  try {
    return await rateOf(count, () =>
      Promise.all([append(store, count, () => sequencer.poke()), readBack(store, sequencer, { before, count })]),
    );
  } finally {
    await sequencer.stop();
  }
}

async function append({ pool }: Store, count: number, onCommitted: () => void = () => undefined): Promise<void> {
  let left = count;
  const write = async () => {
    while (left > 0) {
      left -= 1;
      await inTransaction(pool, [appendStatement([newEvent()])]);
      onCommitted();
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** Follows the log as a stream of events does; throws when a position is missing. */
function readBack(
  store: Store,
  sequencer: ReturnType<typeof startSequencer>,
  { before, count }: { before: number; count: number },
): Promise<void> {
  let position = before;
  let reading: Promise<void> = Promise.resolve();
  const read = async () => {
    for (let page = PAGE; page === PAGE;) {
      const events = await store.readLog(String(position), PAGE);
      for (const event of events)
        if (Number(event.position) !== (position += 1)) throw new Error(`position ${position} is missing`);
      page = events.length;
    }
  };
  return new Promise((resolve, reject) => {
    let isAsked = false;
    const stop = sequencer.onAdvance(() => {
      if (isAsked) return;
      isAsked = true;
      reading = reading.then(() => {
        isAsked = false;
        return read();
      });
      reading.then(() => position >= before + count && (stop(), resolve()), reject);
    });
  });
}

function newEvent(): NewEvent {
  const id = uuidv7();
  const event = {
    kind: 'image-push',
    registry: 'ghcr.io',
    repository: 'acme/shop',
    tag: '1.0.0',
    digest: `sha256:${'a'.repeat(64)}`,
  };
  const data = {
    id,
    triggerId: id,
    triggerKind: 'registry',
    origin: 'webhook',
    vendor: 'github',
    events: [event],
    status: 'accepted',
    reason: null,
    replayOf: null,
  };
  const metadata = { actor: 'system:bench', causationId: null, correlationId: id, workloadIds: [], epoch: null };
  return {
    stream: `delivery-${id}`,
    version: 1,
    type: 'DeliveryRecorded',
    schemaVersion: 1,
    data,
    metadata,
    occurredAt: new Date().toISOString(),
  };
}

async function rateOf(count: number, work: () => Promise<unknown>): Promise<number> {
  const from = instant();
  await work();
  return (count * 1_000) / (instant() - from);
}

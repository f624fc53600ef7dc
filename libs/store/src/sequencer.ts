import { Client, type Pool } from 'pg';

export interface Sequencer {
  /** Something was committed here: number it now. */
  poke(): void;
  /** Called when there are new positions, whoever numbered them. Returns how to stop being called. */
  onAdvance(listener: () => void): () => void;
  stop(): Promise<void>;
}

export interface SequencerOptions {
  readonly databaseUrl: string;
  /** Milliseconds between two looks without a poke; 500. */
  readonly pollMs?: number;
  readonly onError?: (error: unknown) => void;
}

/** Events numbered per transaction. */
const BATCH = 1000;
/** Milliseconds between two transactions, and so between two NOTIFYs: a burst is numbered in few of them. */
const SPACING_MS = 5;
const RECONNECT_MS = 250;
const CHANNEL = 'tinyforge_log';

/**
 * Numbers committed events in an order that readers can follow, on a connection of its own. Any number of processes
 * may run one; an advisory lock lets one work at a time. The transaction is a single statement: a process that is
 * stopped in the middle holds nothing, and one that holds the lock in an open transaction loses it after 2 s.
 */
export function startSequencer({ databaseUrl, pollMs = 500, onError = () => undefined }: SequencerOptions): Sequencer {
  const listeners = new Set<() => void>();
  const advance = () => listeners.forEach((listener) => listener());
  const bell = createBell();
  const poll = setInterval(bell.ring, pollMs);
  const stopping = new AbortController();
  const done = (async () => {
    while (!stopping.signal.aborted) {
      await work({ databaseUrl, advance, bell, signal: stopping.signal }).catch(onError);
      bell.ring();
      if (!stopping.signal.aborted) await pause(RECONNECT_MS);
    }
  })();
  return {
    poke: bell.ring,
    onAdvance(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      stopping.abort();
      clearInterval(poll);
      bell.ring();
      await done;
    },
  };
}

interface Work {
  readonly databaseUrl: string;
  readonly advance: () => void;
  readonly bell: Bell;
  readonly signal: AbortSignal;
}

/** Until it is stopped or the connection breaks. */
async function work({ databaseUrl, advance, bell, signal }: Work): Promise<void> {
  const client = await connect(databaseUrl, advance);
  let head = '';
  try {
    while (!signal.aborted) {
      await bell.rung();
      const numbered = await sequence(client);
      if (numbered < 0 || numbered === BATCH) bell.ring();
      if (numbered > 0) await client.query('select pg_notify($1, $2)', [CHANNEL, '']);
      const now = await headOf(client);
      if (now !== head) advance();
      head = now;
      await pause(SPACING_MS);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Bell {
  readonly ring: () => void;
  /** Resolves at once when it was rung since the last time, else at the next ring. */
  rung(): Promise<void>;
}

function createBell(): Bell {
  let next = Promise.withResolvers<void>();
  next.resolve();
  return {
    ring: () => next.resolve(),
    async rung() {
      await next.promise;
      next = Promise.withResolvers<void>();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Numbers what is there, in as many transactions as it takes. For tools and tests. */
export async function sequenceAll(pool: Pool): Promise<void> {
  for (;;) {
    const numbered = await sequence(pool);
    if (numbered >= 0 && numbered < BATCH) return;
  }
}

async function sequence(client: Pick<Client, 'query'> | Pool): Promise<number> {
  const { rows } = await client.query<{ numbered: number }>('select log.sequence($1) as numbered', [BATCH]);
  return rows[0]?.numbered ?? 0;
}

async function headOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ head: string }>('select coalesce(max(position), 0) as head from log.position');
  return rows[0]?.head ?? '0';
}

async function connect(databaseUrl: string, advance: () => void): Promise<Client> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'tiny-forge sequencer',
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
    idle_in_transaction_session_timeout: 2_000,
  });
  // Its queries are rejected as well; without a listener the event would end the process.
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  client.on('notification', ({ processId }) => {
    if (processId !== rows[0]?.pid) advance();
  });
  await client.query(`listen ${CHANNEL}`);
  return client;
}

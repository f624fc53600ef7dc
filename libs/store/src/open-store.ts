import { join } from 'node:path';
import { TerminalError } from '#domain/errors';
import { assertMasterKey, masterKey, readMasterKey, readOrCreateMasterKey, type MasterKey } from './master-key.js';
import { migrate, pendingMigrations } from './migrate.js';
import { createSecrets, type Secrets } from './secrets.js';
import { startSequencer, type Sequencer } from './sequencer.js';
import { createStore, type Store } from './store.js';

export interface OpenOptions {
  readonly databaseUrl: string;
  readonly dataDir: string;
  /** 32 bytes as hex or base64; null = the file `<data>/master.key`. */
  readonly masterKey: string | null;
  /** Only all-in-one and admin make the key and bring the schema up to date; the others refuse to start without. */
  readonly mayPrepare: boolean;
  readonly applicationName: string;
  readonly onError: (error: unknown) => void;
}

export interface OpenStore {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly sequencer: Sequencer;
  stop(): Promise<void>;
}

/** The store of one process: schema and key checked, its commits numbered. */
export async function openStore(options: OpenOptions): Promise<OpenStore> {
  const { databaseUrl, applicationName, onError } = options;
  const store = createStore({ databaseUrl, applicationName });
  try {
    if (options.mayPrepare) await migrate(store.pool);
    else await requireMigrated(store);
    const key = await keyOf(options);
    await assertMasterKey(store.pool, key);
    const sequencer = startSequencer({ databaseUrl, onError });
    store.onCommitted(() => sequencer.poke());
    const stop = async () => {
      await sequencer.stop();
      await store.close();
    };
    return { store, secrets: createSecrets(store.pool, key), sequencer, stop };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function requireMigrated(store: Store): Promise<void> {
  const pending = await pendingMigrations(store.pool);
  if (pending.length === 0) return;
  throw new TerminalError(
    'not-migrated',
    `The database lacks ${pending.join(', ')}. Run tiny-forge-admin migrate, or start all-in-one once.`,
    'operator',
  );
}

function keyOf({ masterKey: given, dataDir, mayPrepare }: OpenOptions): MasterKey | Promise<MasterKey> {
  if (given !== null) return masterKey(Buffer.from(given, /^[0-9a-f]{64}$/i.test(given) ? 'hex' : 'base64'));
  const path = join(dataDir, 'master.key');
  return mayPrepare ? readOrCreateMasterKey(path) : readMasterKey(path);
}

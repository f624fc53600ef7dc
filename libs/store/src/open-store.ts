import { join } from 'node:path';
import { installationId } from './installation.js';
import { assertMasterKey, masterKey, readMasterKey, readOrCreateMasterKey, type MasterKey } from './master-key.js';
import { assertMigrated, migrate } from './migrate.js';
import { rebuildViews } from './rebuild.js';
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
  /** Marks what this installation makes in Docker. */
  readonly installation: string;
  stop(): Promise<void>;
}

/** The store of one process: schema and key checked, its commits numbered. */
export async function openStore(options: OpenOptions): Promise<OpenStore> {
  const { databaseUrl, applicationName, onError } = options;
  if (options.mayPrepare) await prepare(databaseUrl);
  else await assertMigrated(databaseUrl);
  const store = createStore({ databaseUrl, applicationName });
  try {
    const key = await keyOf(options);
    await assertMasterKey(store.pool, key);
    const installation = await installationId(store.pool);
    const sequencer = startSequencer({ databaseUrl, onError });
    store.onCommitted(() => sequencer.poke());
    const stop = async () => {
      await sequencer.stop();
      await store.close();
    };
    return { store, secrets: createSecrets(store.pool, key), sequencer, installation, stop };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A release that draws the views differently rebuilds them before anything is written. */
async function prepare(databaseUrl: string): Promise<void> {
  const { views } = await migrate(databaseUrl);
  if (views === 'stale') await rebuildViews({ databaseUrl });
}

function keyOf({ masterKey: given, dataDir, mayPrepare }: OpenOptions): MasterKey | Promise<MasterKey> {
  if (given !== null) return masterKey(Buffer.from(given, /^[0-9a-f]{64}$/i.test(given) ? 'hex' : 'base64'));
  const path = join(dataDir, 'master.key');
  return mayPrepare ? readOrCreateMasterKey(path) : readMasterKey(path);
}

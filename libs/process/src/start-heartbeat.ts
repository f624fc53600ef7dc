import { statfs } from 'node:fs/promises';
import { node as decider, type Engine } from '#domain/node';
import { releaseVersion } from '#runtime/release';
import type { Stoppable } from '#runtime/start';
import { beat, leave, type Heartbeat, type Role } from '#store/heartbeats';
import { on } from '#store/operation';
import type { Parts } from './open-process.js';

/** Shares of the lease: a node is silent 30 s after the last sign of life, as shipped. */
const EVERY = 0.5;
const SILENT = 3;

export interface Serving {
  readonly role: Role;
  /** Rejects while the engine does not answer. */
  readonly ping: (signal: AbortSignal) => Promise<Engine>;
}

/** Tells that this process serves its node, at once and until it is stopped. */
export function startHeartbeat(parts: Parts, { role, ping }: Serving): Stoppable {
  const { store, config, owner, logger } = parts;
  const { leaseMs } = config.lease;
  const fixed = { owner, role, node: config.node, release: releaseVersion(), startedAt: new Date() };
  let registered: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let told = '';
  const once = async (): Promise<void> => {
    try {
      const [engine, disk] = await Promise.all([engineOf(ping, leaseMs * EVERY), diskOf(config.dataDir)]);
      await beat(store.pool, { ...fixed, engine, disk, silentMs: leaseMs * SILENT });
      const key = JSON.stringify(engine);
      if (registered !== key) await register(parts, engine);
      registered = key;
      told = '';
    } catch (error) {
      if (String(error) !== told) logger.warn({ err: error }, 'This process could not tell that it is there');
      told = String(error);
    }
  };
  const loop = async (): Promise<void> => {
    await once();
    if (isStopped) return;
    timer = setTimeout(() => {
      beating = loop();
    }, leaseMs * EVERY);
  };
  let beating = loop();
  return {
    name: 'heartbeat',
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await beating;
      await leave(store.pool, fixed).catch(() => undefined);
    },
  };
}

async function engineOf(ping: Serving['ping'], timeoutMs: number): Promise<Engine | null> {
  try {
    const { version, os, arch } = await ping(AbortSignal.timeout(timeoutMs));
    return { version, os, arch };
  } catch {
    // Told by /readyz of whoever needs it, and shown with the node.
    return null;
  }
}

async function diskOf(dataDir: string): Promise<Heartbeat['disk']> {
  try {
    const { bsize, bavail, blocks } = await statfs(dataDir);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}

async function register({ store, config: { node }, owner }: Parts, engine: Engine | null): Promise<void> {
  const operation = on(decider, node, { type: 'RegisterNode', node, engine });
  await store.commit([operation], { actor: `system:${owner}`, correlationId: `node-${node}` });
}

import { node as decider } from '#domain/node';
import type { Logger } from '#runtime/logging';
import { readLiveness, type Liveness } from '#store/heartbeats';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { startLoop } from './drift/loop.js';
import type { Work } from './lead.js';

export interface WatchDeps {
  readonly store: Store;
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** Shares of the lease. */
const EVERY = 0.5;
/** After a start of everything at once each node gets as long as it would get anyway. */
const GRACE = 3;

/** Records when a node falls silent and when it is back: for people and alerts. Its workloads stay what they are. */
export function watchNodes({ store, leaseMs, logger }: WatchDeps): Work {
  const since = performance.now();
  return startLoop({
    run: async () => {
      if (performance.now() - since >= leaseMs * GRACE) await lookAtNodes(store, logger);
      return leaseMs * EVERY;
    },
    retryMs: leaseMs * EVERY,
    onError: (error) => logger.warn({ err: error }, 'The nodes could not be watched; it is tried again'),
  });
}

async function lookAtNodes(store: Store, logger: Logger): Promise<void> {
  const { rows } = await store.pool.query<{ name: string; silent: boolean }>(
    'select name, silent_since is not null as silent from view.node',
  );
  const known = new Map(rows.map(({ name, silent }) => [name, silent]));
  for (const each of await readLiveness(store.pool)) {
    const wasSilent = known.get(each.node);
    if (wasSilent === undefined || wasSilent === each.isSilent) continue;
    await tell(store, each);
    logger.warn({ node: each.node, seenAt: each.seenAt }, each.isSilent ? 'A node is silent' : 'A node is back');
  }
}

async function tell(store: Store, { node, seenAt, isSilent }: Liveness): Promise<void> {
  const command = isSilent
    ? ({ type: 'RecordSilence', node, since: seenAt.toISOString() } as const)
    : ({ type: 'RecordBack', node } as const);
  await store.commit([on(decider, node, command)], { actor: 'system:reconciler', correlationId: `node-${node}` });
}

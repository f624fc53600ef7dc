import type { Docker } from '#docker/docker';
import { LABELS } from '#domain/naming';
import type { Logger } from '#runtime/logging';
import { touchCursors, type LogCursor, type LogOrigin } from '#store/container-log';
import type { HeldLease } from '#store/held-lease';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { startLoop } from '../drift/loop.js';
import { deploymentOf, ownContainers, workloadOf } from '../drift/own-containers.js';
import type { Work } from '../lead.js';
import { followContainer } from './follow-container.js';
import { createLogWriter } from './log-writer.js';

export interface LogsDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly docker: Docker;
  readonly node: string;
  readonly installation: string;
  readonly logger: Logger;
}

const LOOK_MS = 15_000;
const RETRY_MS = 2_000;
const TOUCH_MS = 3_600_000;

/**
 * Follows every container of the node's workloads, those of failed deployments too, and stores what they say: it
 * outlives them. Docker's events bring new ones at once, a look every 15 s the rest.
 */
export function startLogs({ held, ...deps }: LogsDeps & { readonly held: HeldLease }): Work {
  const { docker, store, logger } = deps;
  const stopping = new AbortController();
  const signal = AbortSignal.any([held.signal, stopping.signal]);
  const writer = createLogWriter({ pool: store.pool, held, logger });
  const cursors = new Map<string, LogCursor>();
  const following = new Map<string, Promise<void>>();
  /** Read to the end; until they are started again. */
  const ended = new Set<string>();
  let touchedAt = 0;

  const follow = (origin: LogOrigin): void => {
    const { containerId } = origin;
    const done = followContainer({ ...deps, writer, cursors, signal }, origin)
      .then(() => void ended.add(containerId))
      .catch((error: unknown) => {
        if (!signal.aborted) logger.debug({ err: error, containerId }, 'Output is not followed; it is tried again');
      })
      .finally(() => following.delete(containerId));
    following.set(containerId, done);
  };
  const look = async (): Promise<number> => {
    const { origins, running } = await containersOf(deps);
    const present = new Set(origins.map(({ containerId }) => containerId));
    for (const id of cursors.keys()) if (!present.has(id)) cursors.delete(id);
    for (const id of ended) if (!present.has(id) || running.has(id)) ended.delete(id);
    for (const origin of origins) {
      if (!following.has(origin.containerId) && !ended.has(origin.containerId)) follow(origin);
    }
    if (performance.now() - touchedAt > TOUCH_MS || touchedAt === 0) {
      await touchCursors(store.pool, [...present]);
      touchedAt = performance.now();
    }
    return LOOK_MS;
  };
  const loop = startLoop({
    run: look,
    retryMs: RETRY_MS,
    onError: (error) => logger.warn({ err: error }, 'Containers could not be listed for their output'),
  });
  const watching = docker.watchContainers({
    labels: [LABELS.workloadId],
    signal,
    onOpen: loop.poke,
    onEvent({ action, id }) {
      if (action !== 'start' && action !== 'create') return;
      ended.delete(id);
      loop.poke();
    },
    onLost: () => undefined,
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all([loop.stop(), watching, ...following.values()]);
      await writer.stop();
    },
  };
}

/** Those of the node's workloads: one list and one query. */
async function containersOf({ docker, store, node, installation }: LogsDeps) {
  const { rows } = await store.pool.query<{ id: string }>({
    name: 'workloads-of-node',
    text: `select id from view.workload where node = $1 and lifecycle <> 'gone'`,
    values: [node],
  });
  const workloadIds = new Set(rows.map(({ id }) => id));
  const all = await docker.listContainers([LABELS.workloadId]);
  const own = ownContainers(all, { installation, workloadIds }).filter((each) => workloadIds.has(workloadOf(each)));
  const started = own.filter(({ state }) => state !== 'created');
  const origins = started.map((each): LogOrigin => ({
    workloadId: workloadOf(each),
    container: each.name,
    containerId: each.id,
    deploymentId: deploymentOf(each),
    instance: instanceOf(each.name),
  }));
  return { origins, running: new Set(own.filter(({ running }) => running).map(({ id }) => id)) };
}

function instanceOf(name: string): number | null {
  const found = /[-_](\d{1,4})$/.exec(name);
  return found === null ? null : Number(found[1]);
}

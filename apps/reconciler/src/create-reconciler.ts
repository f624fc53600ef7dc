import type { Docker } from '#docker/docker';
import type { Proxy, ProxyIo, Source } from '#plugins/source';
import type { Http } from '#plugins/http';
import type { Trigger } from '#plugins/trigger';
import type { Logger } from '#runtime/logging';
import type { LeaseTimes } from '#store/held-lease';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import type { ProxyPorts } from './equip.js';
import { lead, type Leading } from './lead.js';
import { createTidy } from './tidy.js';
import { startPolls } from './triggers/poller.js';
import { startSchedules } from './triggers/scheduler.js';
import { watchNodes } from './watch-nodes.js';
import { startWorkOfNode } from './work-of-node.js';

export interface ReconcilerDeps {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
  readonly http: Http;
  readonly proxy: Proxy;
  readonly proxyIo: ProxyIo;
  readonly proxyPorts: () => Promise<ProxyPorts>;
  readonly docker: Docker;
  readonly node: string;
  /** Names this process in leases. */
  readonly owner: string;
  readonly installation: string;
  readonly observeMs: number;
  readonly lease: LeaseTimes;
  readonly logger: Logger;
}

export interface Reconciler {
  /** Resolves once it leads, or follows another one. */
  start(): Promise<void>;
  /** What it does at the moment; a follower is as ready as a leader. */
  status(): string;
  stop(): Promise<void>;
}

/** Of all reconcilers one leads each node, and one the platform: what is done once, however many nodes there are. */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { store, node, owner, logger } = deps;
  const terms = { leases: store.leases, owner, times: deps.lease, logger };
  const works: Record<string, Leading['start']> = {
    [`node-${node}`]: (held) => startWorkOfNode(deps, held),
    platform: () => {
      const tidy = createTidy(store, logger);
      tidy.start();
      const watch = watchNodes({ store, leaseMs: deps.lease.leaseMs, logger });
      const schedules = startSchedules(deps);
      const polls = startPolls(deps);
      return {
        stop: async () => void (await Promise.all([tidy.stop(), watch.stop(), schedules.stop(), polls.stop()])),
      };
    },
  };
  let leaders: { readonly subject: string; readonly leader: ReturnType<typeof lead> }[] = [];
  return {
    async start() {
      leaders = Object.entries(works).map(([subject, start]) => ({
        subject,
        leader: lead({ ...terms, subject, start }),
      }));
      await Promise.all(leaders.map(({ leader }) => leader.settled));
    },
    status() {
      const led = leaders.filter(({ leader }) => leader.isLeading).map(({ subject }) => subject);
      return led.length > 0 ? `leads ${led.join(', ')}` : 'follows';
    },
    async stop() {
      await Promise.all(leaders.map(({ leader }) => leader.stop()));
    },
  };
}

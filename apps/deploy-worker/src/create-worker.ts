import { REACTIONS, type ReactionName } from '#domain/reactions';
import type { WorkItem } from '#queue/worker';
import { processDeployment } from './deploy/deploy.processor.js';
import type { WorkerDeps } from './deps.js';
import { processDelivery } from './fan-out/fan-out.processor.js';
import { processRunState } from './run-state/run-state.processor.js';
import { createSweep } from './sweep.js';
import { processTeardown } from './teardown.processor.js';
import { processVolumeRemoval } from './volumes/remove-volume.processor.js';

type Processor = (deps: WorkerDeps, subjectId: string) => Promise<void>;

/** Each reaction has exactly one processor; boot fails when the two lists differ. */
export const PROCESSORS: Readonly<Record<ReactionName, Processor>> = {
  'fan-out': processDelivery,
  deploy: processDeployment,
  'run-state': processRunState,
  teardown: processTeardown,
  'remove-volume': processVolumeRemoval,
};

/** Milliseconds that work at hand gets when the process is asked to end. */
const GRACE_MS = 50_000;

export interface DeployWorker {
  start(): void;
  /** No new claims; what is at hand goes on until its next safe point or the grace ends. */
  stop(): Promise<void>;
}

export function createDeployWorker(given: WorkerDeps): DeployWorker {
  const stopping = new AbortController();
  const deps = { ...given, stopping: stopping.signal };
  assertComplete(PROCESSORS);
  const sweep = createSweep(deps);
  const process = async ({ name, id }: WorkItem) => {
    const processor = PROCESSORS[name as ReactionName];
    // A newer release's job: a newer worker's sweep brings it again.
    if (processor === undefined) return;
    await processor(deps, id);
  };
  let stops: (() => Promise<unknown>)[] = [];
  return {
    start() {
      const queues = ['fan-out', `deploy-${deps.node}`];
      stops = queues.map((queue) => {
        const handle = deps.queues.work({ queue, concurrency: deps.concurrency, process });
        return () => handle.close(GRACE_MS);
      });
      sweep.start();
    },
    async stop() {
      stopping.abort();
      await Promise.all([sweep.stop(), ...stops.map((stop) => stop())]);
    },
  };
}

/** Boot check: a reaction without a processor would be a job that nobody does. */
export function assertComplete(processors: Readonly<Record<string, unknown>>): void {
  const missing = REACTIONS.filter((name) => !(name in processors));
  const unknown = Object.keys(processors).filter((name) => !REACTIONS.includes(name as ReactionName));
  if (missing.length > 0 || unknown.length > 0) {
    throw new Error(
      `reactions without a processor: ${missing.join(', ') || 'none'}; processors without a reaction: ${unknown.join(', ') || 'none'}`,
    );
  }
}

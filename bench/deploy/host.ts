import { SOURCES } from '#plugins/sources/sources';
import type { Plan, Source, Step } from '#plugins/source';
import { TRIGGERS } from '#plugins/triggers/triggers';
import { openProcess, type Parts } from '#process/open-process';
import type { Queues } from '#queue/queues';
import type { WorkOptions } from '#queue/worker';
import { stopAll } from '#runtime/start';
import type { Store } from '#store/store';
import { startApi } from '../../apps/api/src/start-api.js';
import { startWorker } from '../../apps/deploy-worker/src/start-worker.js';
import { startReconciler } from '../../apps/reconciler/src/start-reconciler.js';
import { instant } from '../rounds.js';
import type { Answer, Mark, Question } from './marks.js';

/** The platform in one process, as all-in-one puts it together, noting when each part of a deployment began and ended. */
const marks: Mark[] = [];

const opened = await openProcess('all-in-one');
const parts: Parts = { ...opened, store: marking(opened.store), queues: markingQueues(opened.queues) };
const plugins = { sources: SOURCES.map(markingSource), triggers: TRIGGERS };
const [api, reconciler] = await Promise.all([startApi(parts, plugins), startReconciler(parts, plugins.sources)]);
const worker = startWorker(parts, plugins);
const stoppables = [worker, reconciler.stoppable, api.stoppable, ...parts.stoppables];

process.on('message', (question: Question) => {
  if (question === 'marks') say({ marks: marks.splice(0) });
  else
    void stopAll(stoppables, { logger: parts.logger, stopMs: 20_000, why: 'bench' }).then(() => process.disconnect());
});
say({ apiPort: api.endpoint.port, proxyPort: reconciler.proxy!.port });

function say(answer: Answer): void {
  process.send!(answer);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const from = instant();
  try {
    return await work();
  } finally {
    marks.push({ what, from, to: instant() });
  }
}

function marking(store: Store): Store {
  const { commit, leases } = store;
  return {
    ...store,
    commit: (operations, context) => {
      const types = operations.map(({ command }) => (command as { type: string }).type);
      return timed(`commit ${types.join(', ')}`, () => commit(operations, context));
    },
    leases: { ...leases, acquire: (request) => timed('lease', () => leases.acquire(request)) },
  };
}

function markingQueues(queues: Queues): Queues {
  return {
    add: (...given) => queues.add(...given),
    state: (...given) => queues.state(...given),
    age: (queue) => queues.age(queue),
    counts: (queue) => queues.counts(queue),
    close: () => queues.close(),
    work: (options: WorkOptions) => queues.work({ ...options, process: pickedUp(options) }),
  };
}

/** Noted at once: the job goes on for a while after its deployment has ended. */
function pickedUp({ process: work }: WorkOptions): WorkOptions['process'] {
  return (item, signal) => {
    marks.push({ what: `job ${item.name}`, from: instant(), to: instant() });
    return work(item, signal);
  };
}

function markingSource(source: Source): Source {
  const step = (each: Step): Step => ({
    ...each,
    run: (io, facts) => timed(`step ${each.name}`, () => each.run(io, facts)),
  });
  const plan = (...given: Parameters<Source['plan']>): Plan => {
    const made = source.plan(...given);
    return { ...made, steps: made.steps.map(step) };
  };
  return { ...source, plan };
}

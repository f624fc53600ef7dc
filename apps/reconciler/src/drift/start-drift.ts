import { LABELS } from '#domain/naming';
import { startLoop } from './loop.js';
import { freshMemory, look, type LookDeps, type Memory, type Mood } from './look.js';

export interface DriftDeps extends Omit<LookDeps, 'confirmMs' | 'graceMs'> {
  /** Milliseconds from look to look while nothing happens. */
  readonly observeMs: number;
}

export interface Drift {
  /** Something may have changed: looks in a moment. */
  poke(): void;
  stop(): Promise<void>;
}

const CONFIRM_MS = 1_000;
const BUSY_MS = 5_000;
/** Looks for which what is left over stays: ten minutes as shipped. */
const GRACE_LOOKS = 20;
/** Containers whose ends are remembered until the next look. */
const MOST_DEATHS = 1_000;
/** After these a workload that somebody was at may be looked at again. */
const POKING = new Set(['StepCompleted', 'DeploymentFailed', 'DeploymentCancelled', 'RemovalConfirmed']);

/**
 * Observes the node and heals it until it is stopped. Two at once do no harm: whatever they ask for is refused the
 * second time.
 */
export function startDrift(deps: DriftDeps): Drift {
  const { observeMs, logger, store } = deps;
  const memory = freshMemory();
  const confirmMs = Math.min(CONFIRM_MS, observeMs);
  const lookDeps = { ...deps, confirmMs, graceMs: observeMs * GRACE_LOOKS };
  const pauses: Readonly<Record<Mood, number>> = { soon: confirmMs, busy: BUSY_MS, calm: observeMs };
  const loop = startLoop({
    run: async () => Math.min(pauses[await look(lookDeps, memory)], observeMs),
    retryMs: observeMs,
    onError: (error) => logger.warn({ err: error }, 'The node could not be observed; it is tried again'),
  });
  const stopWatching = watchEvents(deps, memory, loop.poke);
  const stopListening = store.onCommitted((events) => {
    if (events.some(({ type }) => POKING.has(type))) loop.poke();
  });
  return {
    poke: loop.poke,
    async stop() {
      stopListening();
      await Promise.all([loop.stop(), stopWatching()]);
    },
  };
}

/** The engine says when something changes; what it does not say is seen at the next look. */
function watchEvents({ docker, installation, logger }: DriftDeps, { deaths }: Memory, poke: () => void) {
  const stopping = new AbortController();
  const watching = docker.watchContainers({
    labels: [LABELS.workloadId],
    signal: stopping.signal,
    onOpen: poke,
    onEvent({ action, id, labels, exitCode }) {
      const owner = labels[LABELS.installation];
      if (owner !== undefined && owner !== installation) return;
      if (action === 'die' && deaths.size < MOST_DEATHS) deaths.set(id, exitCode);
      poke();
    },
    onLost: (error) => logger.debug({ err: error }, 'Docker’s events ended; they are asked for again'),
  });
  return async () => {
    stopping.abort();
    await watching;
  };
}

export interface LoopOptions {
  /** Returns the milliseconds until it should run again. */
  readonly run: () => Promise<number>;
  readonly retryMs: number;
  /** The same trouble is told once. */
  readonly onError: (error: unknown) => void;
}

export interface Loop {
  /** Runs in a moment. */
  readonly poke: () => void;
  stop(): Promise<void>;
}

/** What comes together is looked at together. */
const DEBOUNCE_MS = 300;

/** Runs at once, then whenever it said or is poked: one run at a time, and one more when it is poked meanwhile. */
export function startLoop({ run, retryMs, onError }: LoopOptions): Loop {
  let timer: NodeJS.Timeout | undefined;
  let due = Infinity;
  let running: Promise<void> | null = null;
  let isPoked = false;
  let isStopped = false;
  let told = '';

  const plan = (ms: number): void => {
    const at = performance.now() + ms;
    if (isStopped || at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(go, ms);
  };
  const tried = async (): Promise<number> => {
    try {
      const pause = await run();
      told = '';
      return pause;
    } catch (error) {
      if (String(error) !== told) onError(error);
      told = String(error);
      return retryMs;
    }
  };
  const go = (): void => {
    due = Infinity;
    isPoked = false;
    running = tried().then((pause) => {
      running = null;
      plan(isPoked ? Math.min(DEBOUNCE_MS, pause) : pause);
    });
  };
  plan(0);
  return {
    poke() {
      if (running) isPoked = true;
      else plan(DEBOUNCE_MS);
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from './platform.js';
import { until } from './until.js';
import { startApp, type AppProcess } from './worker-process.js';

export interface Unrest {
  /** Faults so far, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Lets the workers be: two run when it resolves. */
  calm(): Promise<void>;
  stop(): Promise<readonly (number | NodeJS.Signals)[]>;
}

/** Two deploy workers, one of which is killed, paused past its lease or stopped and started again, every so often. */
export function startUnrest(ground: Ground, { everyMs, pauseMs }: { everyMs: number; pauseMs: number }): Unrest {
  const workers = [worker(ground), worker(ground)];
  const faults: Record<string, number> = { killed: 0, paused: 0, stopped: 0 };
  let isOn = true;
  const befall = async (turn: number) => {
    const index = turn % 2;
    const kind = (['killed', 'paused', 'stopped'] as const)[turn % 3]!;
    faults[kind]! += 1;
    if (kind === 'paused') {
      workers[index]!.kill('SIGSTOP');
      await wait(pauseMs);
      workers[index]!.kill('SIGCONT');
      return;
    }
    workers[index]!.kill(kind === 'killed' ? 'SIGKILL' : 'SIGTERM');
    await workers[index]!.ended;
    workers[index] = worker(ground);
  };
  const going = (async () => {
    for (let turn = 0; isOn; turn += 1) {
      await Promise.all(workers.map((each) => isUp(ground, each)));
      await wait(everyMs);
      if (isOn) await befall(turn);
    }
  })();
  const calm = () => {
    isOn = false;
    return going;
  };
  return {
    faults,
    calm,
    stop: async () => {
      await calm();
      for (const each of workers) each.kill('SIGTERM');
      return Promise.all(workers.map(({ ended }) => ended));
    },
  };
}

function worker(ground: Ground): AppProcess {
  return startApp('deploy-worker', ground.env);
}

/** What it bound is written down: it works. */
function isUp(ground: Ground, { pid }: AppProcess): Promise<boolean> {
  const file = join(ground.env['TINYFORGE_DATA_DIR']!, 'endpoints', `deploy-worker-${pid}.json`);
  return until(async () => existsSync(file), 'a worker to be up');
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

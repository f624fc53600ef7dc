import type { Random } from '../support/world/random.js';
import type { World, WorldWorkload } from '../support/world/world.js';

/** One way in which things go wrong. */
export interface Fault {
  readonly name: string;
  /** Rows of the fault catalogue, docs/faults.md. */
  readonly rows: readonly number[];
  /** It needs the platform to itself; else it goes together with others, each at a workload of its own. */
  readonly isAlone?: true;
  /** It stops a worker for a while: with two of these at once nobody would be left to work. */
  readonly isPause?: true;
  /** Among the first of every run: a step is never without its crash test. */
  readonly isFirst?: true;
  /** Takes longer than a minute: not among the faults of `npm test`. */
  readonly isSlow?: true;
  /** Does it, sees it through, and throws {@link Broken} or any error when what must follow does not. */
  run(stage: Stage): Promise<void>;
}

export interface Stage {
  readonly world: World;
  readonly random: Random;
  /** Nobody else's meanwhile. */
  readonly workload: WorldWorkload;
}

/** What had to follow did not. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

export function expectThat(isTrue: boolean, otherwise: string): asserts isTrue {
  if (!isTrue) throw new Broken(otherwise);
}

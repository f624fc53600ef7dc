import { createRandom, type Random } from '../support/world/random.js';
import type { Fault } from './fault.js';

/** One fault to inject, with the seed of its own choices. */
export interface Run {
  readonly number: number;
  readonly fault: Fault;
  readonly seed: number;
}

/** Runs that go together: each at a workload of its own, or one alone. */
export type Round = readonly Run[];

const TOGETHER = 4;

/** The same seed gives the same rounds. Every fault comes once before any comes twice. */
export function sequence(faults: readonly Fault[], { seed, runs }: { seed: number; runs: number }): readonly Round[] {
  const random = createRandom(seed);
  const rounds: Run[][] = [];
  let together: Run[] = [];
  let deck: Fault[] = [];
  for (let number = 1; number <= runs; number += 1) {
    if (deck.length === 0) deck = dealt(faults, random);
    const run = { number, fault: deck.pop()!, seed: random.between(0, 2 ** 31) };
    if (run.fault.isAlone) {
      rounds.push([run]);
      continue;
    }
    const isFull = together.length === TOGETHER || (run.fault.isPause && together.some(({ fault }) => fault.isPause));
    if (isFull) rounds.push(together);
    together = isFull ? [run] : [...together, run];
  }
  return together.length > 0 ? [...rounds, together] : rounds;
}

/** Taken from its end. */
function dealt(faults: readonly Fault[], random: Random): Fault[] {
  return [
    ...random.shuffle(faults.filter(({ isFirst }) => !isFirst)),
    ...random.shuffle(faults.filter(({ isFirst }) => isFirst)),
  ];
}

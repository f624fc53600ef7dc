import { Checker } from '../support/world/checker.js';
import { createRandom } from '../support/world/random.js';
import { openWorld, type World } from '../support/world/world.js';
import { FAULTS } from './faults.js';
import { sequence, type Round, type Run } from './sequence.js';

export interface Wanted {
  readonly seed: number;
  readonly runs: number;
  /** Parts of faults' names, with commas between; empty = all. */
  readonly only: string;
  readonly withSlow: boolean;
}

export interface Tally {
  readonly fault: string;
  readonly rows: readonly number[];
  readonly runs: number;
  readonly violations: readonly string[];
}

export interface Outcome {
  readonly tallies: readonly Tally[];
  readonly seconds: number;
  readonly probes: number;
  readonly restarts: number;
}

/** Injects the faults of a seed into one long-lived platform, round after round, with all invariants checked after each. */
export async function runFaults({ seed, runs, only, withSlow }: Wanted, say: (line: string) => void): Promise<Outcome> {
  const faults = FAULTS.filter(
    ({ name, isSlow }) => only.split(',').some((part) => name.includes(part)) && (withSlow || !isSlow),
  );
  if (faults.length === 0) throw new Error(`No fault is named ${only}.`);
  const began = performance.now();
  const world = await openWorld();
  try {
    const checker = await Checker.create(world);
    const found = new Map<string, { run: Run; what: string }[]>();
    const known = new Set<string>();
    const blame = (run: Run, violations: readonly string[], others = '') => {
      for (const violation of violations.filter((each) => !known.has(each))) {
        known.add(violation);
        const what = violation + others;
        found.set(run.fault.name, [...(found.get(run.fault.name) ?? []), { run, what }]);
        say(`VIOLATION seed=${seed} run=${run.number} fault="${run.fault.name}": ${what}`);
      }
    };
    const rounds = sequence(faults, { seed, runs });
    blame(SETTING_UP, await checker.broken());
    for (const [index, round] of rounds.entries()) {
      const from = performance.now();
      say(`${namesOf(round)} …`);
      await inject(world, round, blame);
      const injected = performance.now();
      const broken = await checker
        .broken({ isLast: index === rounds.length - 1 })
        .catch((error: unknown) => [String(error)]);
      // Which of several it was, the seed tells again; each of them is named.
      blame(round[0]!, broken, round.length === 1 ? '' : ` (with ${namesOf(round)})`);
      say(`… ${seconds(from, injected)} + ${seconds(injected)} s`);
    }
    const tallies = faults.map((fault) => ({
      fault: fault.name,
      rows: fault.rows,
      runs: rounds.flat().filter((run) => run.fault === fault).length,
      violations: (found.get(fault.name) ?? []).map(({ run, what }) => `seed=${seed} run=${run.number}: ${what}`),
    }));
    const before = found.get(SETTING_UP.fault.name) ?? [];
    const setUp = { fault: SETTING_UP.fault.name, rows: [], runs: 1, violations: before.map(({ what }) => what) };
    return {
      tallies: before.length > 0 ? [setUp, ...tallies] : tallies,
      seconds: Math.round((performance.now() - began) / 1000),
      probes: world.probe.requests,
      restarts: world.processes.restarts,
    };
  } finally {
    await world.close();
  }
}

const SETTING_UP: Run = { number: 0, seed: 0, fault: { name: 'none at all', rows: [], run: async () => {} } };

async function inject(world: World, round: Round, blame: (run: Run, broken: readonly string[]) => void): Promise<void> {
  const workloads = createRandom(round[0]!.seed).shuffle(world.workloads);
  await Promise.all(
    round.map(async (run, index) => {
      const stage = { world, random: createRandom(run.seed), workload: workloads[index]! };
      const limitMs = run.fault.isSlow ? LIMIT_MS * 3 : LIMIT_MS;
      await within(limitMs, run.fault.run(stage)).catch((error: unknown) => blame(run, [String(error)]));
    }),
  );
}

/** Far beyond what any of them takes: for one that hangs. */
const LIMIT_MS = 100_000;

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function namesOf(round: Round): string {
  return round.map(({ number, fault }) => `${number} ${fault.name}`).join(', ');
}

function seconds(from: number, to = performance.now()): string {
  return ((to - from) / 1000).toFixed(1);
}

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runFaults, type Outcome } from './run-faults.js';
import { table } from './table.js';

const setting = (name: string, otherwise: string) => process.env[name] ?? otherwise;

/** `npm test` runs sixty of one seed; `npm run faults` says how many, which, and with what seed. */
const WANTED = {
  seed: Number(setting('FAULTS_SEED', '1')),
  runs: Number(setting('FAULTS_RUNS', '60')),
  only: setting('FAULTS_ONLY', ''),
  withSlow: setting('FAULTS_SLOW', '') !== '',
};

test(
  `${WANTED.runs} faults of seed ${WANTED.seed}, and every invariant holds after each`,
  { timeout: WANTED.runs * 60_000 + 180_000 },
  async () => {
    const isTold = process.env['FAULTS_RUNS'] !== undefined;
    const outcome: Outcome = await runFaults(WANTED, (line) => {
      if (isTold || line.startsWith('VIOLATION')) console.log(line);
    });
    const report = table(outcome, WANTED);
    console.log(report);
    if (process.env['FAULTS_REPORT'] !== undefined) writeFileSync(process.env['FAULTS_REPORT'], report);
    expect(outcome.tallies.flatMap(({ violations }) => violations)).toEqual([]);
  },
);

import type { Outcome, Wanted } from './run-faults.js';

/** Fault, rows of the catalogue, runs, violations; and each violation with what repeats it. */
export function table({ tallies, seconds, probes, restarts }: Outcome, { seed }: Wanted): string {
  const width = Math.max(...tallies.map(({ fault }) => fault.length));
  const line = (...[fault, rows, runs, violations]: readonly string[]) =>
    `${fault!.padEnd(width)}  ${rows!.padEnd(9)} ${runs!.padStart(5)} ${violations!.padStart(11)}`;
  const ran = tallies.filter(({ runs }) => runs > 0);
  const runs = ran.reduce((sum, tally) => sum + tally.runs, 0);
  const violations = ran.flatMap((tally) => tally.violations);
  return [
    '',
    line('fault', 'rows', 'runs', 'violations'),
    ...ran.map((tally) =>
      line(tally.fault, tally.rows.join(', '), String(tally.runs), String(tally.violations.length)),
    ),
    line('all', '', String(runs), String(violations.length)),
    '',
    `seed ${seed}, ${seconds} s, ${restarts} processes started anew, ${probes} requests to the faces`,
    ...violations,
  ].join('\n');
}

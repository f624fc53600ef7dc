import { aligned } from '../figure.js';
import { median } from '../rounds.js';

/** Something that one deployment did, in milliseconds since the epoch. */
export interface Mark {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** What the bench asks the platform's process, and what that answers. */
export type Question = 'marks' | 'stop';
export type Answer = { readonly apiPort: number; readonly proxyPort: number } | { readonly marks: readonly Mark[] };

/** One deployment from its POST until its container was seen through the proxy. */
export interface Trace {
  readonly postedAt: number;
  readonly servedAt: number;
  readonly marks: readonly Mark[];
}

type Part = readonly [what: string, budgetMs: number | null, of: (trace: Trace) => number];

const REQUEST = 'commit RequestDeployment';
const CLAIM = 'commit ClaimDeployment';
const BOUNDARY = 'commit CompleteStep';
const JOB = 'job deploy';

/** ARCHITECTURE.md's latency budget; null = Docker's own time, of which the raw API takes the same. */
const PARTS: readonly Part[] = [
  ['parse, decide, commit', 3, ({ postedAt, marks }) => last(marks, REQUEST).to - postedAt],
  ['add and pick-up', 3.5, ({ marks }) => first(marks, JOB).from - last(marks, REQUEST).to],
  ['claim: load, lease, ping, plan', null, ({ marks }) => first(marks, CLAIM).from - first(marks, JOB).from],
  ['claim: commit', 1, ({ marks }) => spent(first(marks, CLAIM))],
  ['image present', 2, step('pull')],
  ['create', null, step('create')],
  ['start', null, step('start')],
  ['first healthy probe', null, step('wait-healthy')],
  ['step boundaries', 2.5, ({ marks }) => boundaries(marks)],
  ['switch', 0.1, step('route')],
  ['switch seen through the proxy', null, ({ servedAt, marks }) => servedAt - first(marks, 'step route').to],
];

/** A row per part, the median of all runs. */
export function split(traces: readonly Trace[]): string[] {
  const rows = PARTS.map(([what, budgetMs, of]) => [
    what,
    `${median(traces.map(of)).toFixed(1)} ms`,
    budgetMs === null ? '' : `${budgetMs} ms`,
  ]);
  return aligned([['  part', 'median', 'budget'], ...rows.map(([what, ...rest]) => [`  ${what}`, ...rest])]);
}

function step(name: string): (trace: Trace) => number {
  return ({ marks }) => spent(first(marks, `step ${name}`));
}

/** Those before the switch is seen: after the route step nobody waits for them. */
function boundaries(marks: readonly Mark[]): number {
  const { from } = first(marks, 'step route');
  return marks.filter(({ what, to }) => what === BOUNDARY && to <= from).reduce((sum, mark) => sum + spent(mark), 0);
}

function spent({ from, to }: Mark): number {
  return to - from;
}

function first(marks: readonly Mark[], what: string): Mark {
  const found = marks.filter((mark) => mark.what === what).sort((a, b) => a.from - b.from)[0];
  if (found === undefined) throw new Error(`this deployment never did "${what}"`);
  return found;
}

/** A refused attempt may stand before it. */
function last(marks: readonly Mark[], what: string): Mark {
  return marks.filter((mark) => mark.what === what).sort((a, b) => b.from - a.from)[0] ?? first(marks, what);
}

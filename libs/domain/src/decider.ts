/**
 * A fact that happened: past tense, flat JSON, ISO instants, ids as strings.
 * It never holds a secret, a raw body, container output or personal data.
 */
export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

/**
 * The rules of one aggregate, as plain functions. No time, no ids, no I/O: those come in with the command;
 * rows that another stream owns come in as `reads`.
 */
export interface Decider<S, C, E extends DomainEvent> {
  /** Stored as the first part of the stream name (`<name>-<id>`); never renamed. */
  readonly name: AggregateName;
  readonly initial: S;
  /** `[]` means "already so". Throws {@link Rejection} for "not allowed". */
  decide(command: C, state: S, reads: Reads): readonly E[];
  /** Total over every event of the aggregate that was ever written. */
  evolve(state: S, event: E): S;
}

/** Rows of other streams that a decision relies on, by the name the caller gave them; locked while it is written. */
export type Reads = Readonly<Record<string, ReadRow | null>>;
export type ReadRow = Readonly<Record<string, unknown>> & { readonly version: number };

export const AGGREGATES = [
  'workload',
  'trigger',
  'binding',
  'delivery',
  'deployment',
  'registry',
  'person',
  'token',
  'settings',
  'observation',
  'removal',
  'node',
  'retention',
  'volume',
] as const;
export type AggregateName = (typeof AGGREGATES)[number];

/** Name of a stream: `workload-0198…`. */
export function streamOf(aggregate: AggregateName, id: string): string {
  return `${aggregate}-${id}`;
}

/** The aggregate and id in a stream name. */
export function parseStream(stream: string): { aggregate: AggregateName; id: string } {
  const cut = stream.indexOf('-');
  return { aggregate: stream.slice(0, cut) as AggregateName, id: stream.slice(cut + 1) };
}

import type { InboundEvent, Wish } from './inbound.js';
import type { ConfigClass } from './config.js';
import type { ResolveIo } from './source.js';

/** What a trigger judges: the event and what was asked of the outside world about it. */
export interface Candidate {
  readonly event: InboundEvent;
  /** When the image was built, ISO 8601; only for `newest`. */
  readonly createdAt: string | null;
  /** When the delivery or poll was taken, ISO 8601: what a minimum age is counted to. */
  readonly seenAt?: string;
}

/** The candidate that a binding accepted last: what the next one is compared with. */
export interface Accepted {
  readonly tag: string | null;
  readonly digest: string | null;
  readonly ref: string | null;
  readonly sha: string | null;
  readonly createdAt: string | null;
}

export type Verdict =
  | {
      readonly verdict: 'matched';
      readonly code: string;
      readonly reason: string;
      readonly wish: Wish;
      readonly accepted: Accepted;
      /** While a deployment of the workload is under way: none, one after it, one in its place. Left out: as the policy says. */
      readonly whenBusy?: 'skip' | 'queue' | 'replace';
    }
  | { readonly verdict: 'filtered'; readonly code: string; readonly reason: string };

/** What a poll may ask of the outside world. */
export interface PollIo extends ResolveIo {
  /** Asked once in a round, however many want to know. */
  once<T>(key: string, ask: () => Promise<T>): Promise<T>;
}

/** A trigger that asks: equal keys share their requests. */
export interface Polling {
  readonly key: string;
  readonly everySeconds: number;
  /** Share of the interval by which it is lengthened at random. */
  readonly jitter: number;
  /** What there is now, for this config; judged as pushes are. */
  poll(io: PollIo): Promise<readonly Candidate[]>;
}

export interface Trigger<C extends object = object> {
  readonly kind: string;
  readonly title: string;
  readonly config: ConfigClass<C>;
  readonly sample: C;
  readonly accepts: readonly InboundEvent['kind'][];
  readonly webhookByDefault: boolean;
  /** Fills what the config leaves to the workload: its own image or repository. Pure, a fresh object. */
  complete?(config: C, own: OwnSubject): C;
  /** Pure. `last` is null until something was accepted. */
  match(candidates: readonly Candidate[], config: C, last: Accepted | null): Verdict;
  /** For a trigger that fires by the clock. Pure. */
  timetable?(config: C): Timetable;
  /** For a trigger that asks by itself; null = this config does not. Pure. */
  polling?(config: C): Polling | null;
  /** What the first poll of a binding finds is where it starts from: it deploys nothing. */
  readonly startsFromPoll?: true;
}

/** When a trigger fires. */
export interface Timetable {
  /** Equal for configs that fire alike: they share their runs. */
  readonly key: string;
  /** The first instant after that one; null = never again. */
  next(after: Date): Date | null;
  readonly jitterSeconds: number;
  /** Of what fell out while nothing ran: none, the latest, all. */
  readonly missed: 'skip' | 'once' | 'all';
  /** A missed run that is older never starts. */
  readonly deadlineSeconds: number;
}

/** What a workload itself deploys: fills in for a trigger that names nothing. */
export interface OwnSubject {
  readonly image: string | null;
  /** `owner/name` or an address. */
  readonly repo: string | null;
  /** The branch of it that the workload follows. */
  readonly branch?: string | null;
}

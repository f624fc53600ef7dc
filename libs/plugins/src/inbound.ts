/** A request as it came in. Header names are lower case; the body is the raw bytes. */
export interface RawRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Something was pushed to a registry. `registry` is `host[:port]`, null when the payload does not say (Nexus). */
export interface ImagePush {
  readonly kind: 'image-push';
  readonly registry: string | null;
  readonly repository: string;
  /** Null for a push by digest alone. */
  readonly tag: string | null;
  /** `sha256:<64 hex>`, null when the vendor sends none or junk. */
  readonly digest: string | null;
}

/** A branch or tag moved. `sha` is always the commit, never the tag object. */
export interface GitPush {
  readonly kind: 'git-push';
  readonly vendor: string;
  /** `owner/name`, or the deeper path of a GitLab group; null when the payload names only a ref. */
  readonly repo: string | null;
  /** Full ref: `refs/heads/main`. */
  readonly ref: string;
  readonly refType: 'branch' | 'tag';
  readonly branch: string | null;
  readonly tag: string | null;
  /** Left out when the payload does not say. */
  readonly defaultBranch?: string;
  /** Null when the payload names only a ref: then the ref's newest. */
  readonly sha: string | null;
  /** Set when the pushed object is an annotated tag. */
  readonly objectSha: string | null;
  /** Null for a ref that is new. */
  readonly before: string | null;
  readonly created: boolean;
  readonly forced: boolean;
  /** Sorted union of added, modified and removed; null when the payload cannot say. */
  readonly paths: readonly string[] | null;
  /** False when the vendor may have cut the list: a path filter then matches. */
  readonly pathsComplete: boolean;
  readonly pusher: string | null;
  readonly message: string | null;
}

export interface ScheduleTick {
  readonly kind: 'schedule';
  /** ISO 8601, UTC. */
  readonly scheduledFor: string;
  readonly firedAt?: string;
  /** Runs that fell out before it. */
  readonly missedCount?: number;
  /** Which timetable it is of; left out = any. */
  readonly timetable?: string;
}

export interface ManualFire {
  readonly kind: 'manual';
  readonly wish?: Wish;
}

export type InboundEvent = ImagePush | GitPush | ScheduleTick | ManualFire;

/** What an event asks of a source. Left-out parts mean "the workload's own" or "the newest tracked". */
export interface Wish {
  readonly image?: { readonly repository?: string; readonly tag?: string; readonly digest?: string };
  readonly git?: {
    readonly repo?: string;
    readonly ref?: string;
    readonly branch?: string;
    readonly tag?: string;
    readonly sha?: string;
  };
  readonly force?: boolean;
}

/** One event of a delivery; `id` is its own transport id where the envelope gives each event one (Distribution). */
export interface ParsedEvent {
  readonly id: string | null;
  readonly event: InboundEvent;
}

export type ParseResult =
  | { readonly kind: 'events'; readonly events: readonly ParsedEvent[] }
  | { readonly kind: 'ping' }
  | { readonly kind: 'ignored'; readonly reason: string };

/** The payload is broken although it is recognised. `deadLetter`: answer 202 all the same, or the sender's queue jams. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
  constructor(
    message: string,
    readonly deadLetter = false,
  ) {
    super(message);
  }
}

export interface Vendor {
  /** Folder, stored string and API name; never renamed. */
  readonly name: string;
  readonly title: string;
  /** Cheap look at headers or envelope. The order of the vendors' array is the precedence. */
  recognizes(request: RawRequest): boolean;
  /** Over the raw bytes, in constant time. `cannot-sign`: this vendor has no signature to check. */
  verify(request: RawRequest, secret: string, now: Date): 'valid' | 'invalid' | 'cannot-sign';
  /** Stable over the sender's retries; null where the vendor has none. */
  deliveryId(request: RawRequest): string | null;
  /** Throws {@link Malformed}; never anything else. */
  parse(request: RawRequest): ParseResult;
}

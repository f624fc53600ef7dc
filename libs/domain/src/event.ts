/** What is known about an event besides its data. */
export interface EventMetadata {
  /** Id of the person or token, or `system:<process verb>`. */
  readonly actor: string;
  /** Event id (or command id) that caused this one. */
  readonly causationId: string | null;
  /** One id from the delivery to the container. */
  readonly correlationId: string;
  /** Workloads that this event concerns: who may see it. */
  readonly workloadIds: readonly string[];
  /** Lease epoch under which a worker wrote it; null elsewhere. */
  readonly epoch: number | null;
}

export interface RecordedEvent<T extends string = string, D extends object = Record<string, unknown>> {
  /** Identity; order of commits within a stream, not across streams. */
  readonly id: string;
  readonly stream: string;
  /** 1..n within the stream. */
  readonly version: number;
  readonly type: T;
  readonly schemaVersion: number;
  readonly data: D;
  readonly metadata: EventMetadata;
  /** ISO 8601, UTC. */
  readonly occurredAt: string;
}

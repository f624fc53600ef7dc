import type { RecordedEvent } from '#domain/event';
import type { NewEvent } from './append.js';
import type { Statement } from './statement.js';

/**
 * The view statements of one event: the same when it is written and when it is replayed. They touch the `view`
 * schema only, name it (`view.workload`), and read no row but those that they or an earlier statement of the same
 * event lock or that never change: that is what makes a replay by event id give the same rows.
 */
export type Project = (event: NewEvent) => readonly Statement[];

/** What the log has to know about the events; the domain answers it. */
export interface Model {
  readonly project: Project;
  /** Who may see the event. `state` is the fold of its stream before it. */
  workloadIdsOf(
    event: { readonly type: string; readonly data: object },
    stream: string,
    state: unknown,
  ): readonly string[];
  /** Event types that this release can read, with the schema version that it writes. */
  readonly eventTypes: ReadonlyMap<string, number>;
  /** Pure: an event as an earlier release wrote it → as this one reads it. */
  upcast?(event: RecordedEvent): RecordedEvent;
}

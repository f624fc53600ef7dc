import type { Decider, DomainEvent } from './decider.js';

/** Ids of streams that have ended, and are older than the settings keep. */
export interface OldStreams {
  readonly deliveryIds: readonly string[];
  readonly deploymentIds: readonly string[];
}

export type RetentionEvent = { readonly type: 'LogPruned'; readonly data: OldStreams } & DomainEvent;
export type RetentionCommand = { type: 'PruneLog' } & OldStreams;

export interface RetentionState {
  readonly isPruned: boolean;
}

/** One stream each time that history goes: what is left of it is that it went. */
export const retention: Decider<RetentionState, RetentionCommand, RetentionEvent> = {
  name: 'retention',
  initial: { isPruned: false },
  decide({ deliveryIds, deploymentIds }, { isPruned }) {
    if (isPruned || deliveryIds.length + deploymentIds.length === 0) return [];
    return [{ type: 'LogPruned', data: { deliveryIds, deploymentIds } }];
  },
  evolve: () => ({ isPruned: true }),
};

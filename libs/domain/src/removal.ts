import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

/** A container that nothing wants any more. */
export interface Leftover {
  readonly containerId: string;
  readonly name: string;
  readonly workloadId: string;
}

export type RemovalEvent =
  | Event<'RemovalDeferred', { node: string; containers: readonly Leftover[]; total: number }>
  | Event<'RemovalConfirmed', { node: string; containers: readonly Leftover[] }>
  | Event<'RemovalEnded', { node: string }>;

export type RemovalCommand =
  /** `total`: containers of this installation on the node. */
  | { type: 'HoldRemoval'; node: string; containers: readonly Leftover[]; total: number }
  | { type: 'ConfirmRemoval'; node: string }
  | { type: 'EndRemoval'; node: string };

export interface RemovalState {
  readonly status: 'none' | 'held' | 'confirmed';
  readonly containers: readonly Leftover[];
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

/** Many removals at once on one node wait for a person: what looks like garbage may be a log that lost its memory. */
export const removal: Decider<RemovalState, RemovalCommand, RemovalEvent> = {
  name: 'removal',
  initial: { status: 'none', containers: [] },
  decide(command, state) {
    const { node } = command;
    switch (command.type) {
      case 'HoldRemoval': {
        const { containers, total } = command;
        if (state.status !== 'none' && isSame(state.containers, containers)) return [];
        return [{ type: 'RemovalDeferred', data: { node, containers, total } }];
      }
      case 'ConfirmRemoval':
        if (state.status === 'none')
          throw new Rejection('nothing-to-confirm', `Nothing waits to be removed on node ${node}.`);
        if (state.status === 'confirmed') return [];
        return [{ type: 'RemovalConfirmed', data: { node, containers: state.containers } }];
      case 'EndRemoval':
        return state.status === 'none' ? [] : [{ type: 'RemovalEnded', data: { node } }];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'RemovalDeferred':
        return { status: 'held', containers: event.data.containers };
      case 'RemovalConfirmed':
        return { ...state, status: 'confirmed' };
      case 'RemovalEnded':
        return { status: 'none', containers: [] };
    }
  },
};

function isSame(left: readonly Leftover[], right: readonly Leftover[]): boolean {
  const ids = (each: readonly Leftover[]) =>
    each
      .map(({ containerId }) => containerId)
      .sort()
      .join();
  return ids(left) === ids(right);
}

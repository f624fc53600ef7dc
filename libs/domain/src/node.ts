import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

/** What a node's Docker engine says of itself. */
export interface Engine {
  readonly version: string;
  readonly os: string;
  readonly arch: string;
}

export type NodeEvent =
  /** `engine` null: it did not answer. */
  | Event<'NodeJoined', { node: string; engine: Engine | null }>
  | Event<'NodeChanged', { node: string; engine: Engine }>
  | Event<'NodeSilent', { node: string; since: string }>
  | Event<'NodeBack', { node: string; silentSince: string }>
  | Event<'NodeForgotten', { node: string }>;

export type NodeCommand =
  /** By every process that serves the node, as often as it likes. */
  | { type: 'RegisterNode'; node: string; engine: Engine | null }
  /** `since`: when something was heard of it last. */
  | { type: 'RecordSilence'; node: string; since: string }
  | { type: 'RecordBack'; node: string }
  /** `workloads`: names of those that are still on it. */
  | { type: 'ForgetNode'; node: string; workloads: readonly string[]; isServed: boolean };

export interface NodeState {
  readonly isKnown: boolean;
  readonly engine: Engine | null;
  readonly silentSince: string | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

/** One Docker host with its workers and its reconcilers. Heartbeats are no events: only what changes is. */
export const node: Decider<NodeState, NodeCommand, NodeEvent> = {
  name: 'node',
  initial: { isKnown: false, engine: null, silentSince: null },
  decide(command, state) {
    const { node: name } = command;
    switch (command.type) {
      case 'RegisterNode': {
        const { engine } = command;
        if (!state.isKnown) return [{ type: 'NodeJoined', data: { node: name, engine } }];
        if (engine === null || isSame(engine, state.engine)) return [];
        return [{ type: 'NodeChanged', data: { node: name, engine } }];
      }
      case 'RecordSilence':
        if (!state.isKnown || state.silentSince !== null) return [];
        return [{ type: 'NodeSilent', data: { node: name, since: command.since } }];
      case 'RecordBack':
        if (state.silentSince === null) return [];
        return [{ type: 'NodeBack', data: { node: name, silentSince: state.silentSince } }];
      case 'ForgetNode':
        return forget(command, state);
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'NodeJoined':
        return { isKnown: true, engine: event.data.engine, silentSince: null };
      case 'NodeChanged':
        return { ...state, engine: event.data.engine };
      case 'NodeSilent':
        return { ...state, silentSince: event.data.since };
      case 'NodeBack':
        return { ...state, silentSince: null };
      case 'NodeForgotten':
        return { isKnown: false, engine: null, silentSince: null };
    }
  },
};

function forget(
  { node: name, workloads, isServed }: Extract<NodeCommand, { type: 'ForgetNode' }>,
  state: NodeState,
): readonly NodeEvent[] {
  if (!state.isKnown) return [];
  if (workloads.length > 0) {
    const names = workloads.join(', ');
    throw new Rejection('node-in-use', `Workloads are on node ${name}: ${names}. Delete them first.`);
  }
  if (isServed) throw new Rejection('node-served', `Processes serve node ${name}. Stop them first, then forget it.`);
  return [{ type: 'NodeForgotten', data: { node: name } }];
}

function isSame(left: Engine, right: Engine | null): boolean {
  return right !== null && left.version === right.version && left.os === right.os && left.arch === right.arch;
}

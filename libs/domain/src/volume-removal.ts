import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

/** A Docker volume: its name, and the node that has it. */
export interface VolumePlace {
  readonly node: string;
  readonly name: string;
}

export type VolumeEvent =
  | Event<'VolumeRemovalRequested', VolumePlace & { workloadId: string }>
  | Event<'VolumeRemoved', VolumePlace>
  | Event<'VolumeRemovalRefused', VolumePlace & { code: string; message: string }>;

export type VolumeCommand =
  /** `workloadId`: whose deployments have to stand still meanwhile. `usedBy`: names of workloads that need it. */
  | ({ type: 'RequestVolumeRemoval'; workloadId: string; usedBy: readonly string[] } & VolumePlace)
  | { type: 'RecordVolumeRemoved' }
  | { type: 'RefuseVolumeRemoval'; code: string; message: string };

/** `asked` is what a worker of the node owes. */
export type VolumeState =
  { readonly status: 'none' } | ({ readonly status: 'asked'; readonly workloadId: string } & VolumePlace);

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

/** Neither half can hold the sign between them. */
export function volumeId({ node, name }: VolumePlace): string {
  return `${name}@${node}`;
}

/** Data goes only when somebody asks for it by name, and never from under a workload that could need it again. */
export const volumeRemoval: Decider<VolumeState, VolumeCommand, VolumeEvent> = {
  name: 'volume',
  initial: { status: 'none' },
  decide(command, state) {
    if (command.type === 'RequestVolumeRemoval') {
      const { node, name, workloadId, usedBy } = command;
      if (usedBy.length > 0) throw volumeInUse(name, usedBy);
      return state.status === 'asked' ? [] : [{ type: 'VolumeRemovalRequested', data: { node, name, workloadId } }];
    }
    if (state.status !== 'asked') return [];
    const { node, name } = state;
    if (command.type === 'RecordVolumeRemoved') return [{ type: 'VolumeRemoved', data: { node, name } }];
    const { code, message } = command;
    return [{ type: 'VolumeRemovalRefused', data: { node, name, code, message } }];
  },
  evolve(_, event) {
    return event.type === 'VolumeRemovalRequested' ? { status: 'asked', ...event.data } : { status: 'none' };
  },
};

export function volumeInUse(name: string, usedBy: readonly string[]): Rejection {
  const who = usedBy.join(', ');
  return new Rejection(
    'volume-in-use',
    `The volume ${name} is one of a workload or of a release that is kept (${who}). Remove it there and deploy until no kept release has it, or delete the workload.`,
  );
}

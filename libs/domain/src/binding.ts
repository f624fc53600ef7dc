import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

export type Override = Readonly<Record<string, unknown>>;

/** Compact UTF-8 JSON bytes that an override may take. */
export const OVERRIDE_LIMIT = 8192;

/** The candidate that was accepted last, in the words of the trigger's kind. */
export interface AcceptedCandidate {
  readonly tag: string | null;
  readonly digest: string | null;
  readonly ref: string | null;
  readonly sha: string | null;
  readonly createdAt: string | null;
}

export type BindingEvent =
  | Event<'BindingCreated', { id: string; triggerId: string; workloadId: string; override: Override; enabled: boolean }>
  | Event<'BindingChanged', { override?: Override; enabled?: boolean }>
  | Event<'CandidateAccepted', { accepted: AcceptedCandidate; deliveryId: string }>
  | Event<'TriggerBaselined', { accepted: AcceptedCandidate; deliveryId: string }>
  | Event<'BindingRemoved', object>;

export type BindingCommand =
  | { type: 'CreateBinding'; id: string; triggerId: string; workloadId: string; override: Override; enabled: boolean }
  | { type: 'ChangeBinding'; override?: Override; enabled?: boolean }
  | { type: 'AcceptCandidate'; accepted: AcceptedCandidate; deliveryId: string }
  /** What the first poll found: where it starts from. */
  | { type: 'TakeBaseline'; accepted: AcceptedCandidate; deliveryId: string }
  | { type: 'RemoveBinding' };

export interface BindingState {
  readonly status: 'absent' | 'present' | 'gone';
  readonly id: string;
  readonly triggerId: string;
  readonly workloadId: string;
  readonly override: Override;
  readonly enabled: boolean;
  readonly last: AcceptedCandidate | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const binding: Decider<BindingState, BindingCommand, BindingEvent> = {
  name: 'binding',
  initial: { status: 'absent', id: '', triggerId: '', workloadId: '', override: {}, enabled: true, last: null },
  decide(command, state) {
    if (command.type === 'CreateBinding') return create(command, state);
    if (state.status === 'gone' && command.type === 'RemoveBinding') return [];
    if (state.status !== 'present') throw new Rejection('not-found', 'There is no such binding.');
    switch (command.type) {
      case 'ChangeBinding':
        return change(command, state);
      case 'AcceptCandidate':
        return [{ type: 'CandidateAccepted', data: { accepted: command.accepted, deliveryId: command.deliveryId } }];
      case 'TakeBaseline': {
        const { accepted, deliveryId } = command;
        return state.last === null ? [{ type: 'TriggerBaselined', data: { accepted, deliveryId } }] : [];
      }
      case 'RemoveBinding':
        return [{ type: 'BindingRemoved', data: {} }];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'BindingCreated':
        return { ...state, ...event.data, status: 'present' };
      case 'BindingChanged':
        return { ...state, ...event.data };
      case 'CandidateAccepted':
      case 'TriggerBaselined':
        return { ...state, last: event.data.accepted };
      case 'BindingRemoved':
        return { ...state, status: 'gone' };
    }
  },
};

/** The trigger's config with the binding's override on top: top level only, `null` is a value; always a fresh object. */
export function mergeOverride(config: Override, override: Override): Record<string, unknown> {
  return { ...structuredClone(config), ...structuredClone(override) };
}

function create(command: Extract<BindingCommand, { type: 'CreateBinding' }>, state: BindingState): BindingEvent[] {
  if (state.status !== 'absent') return [];
  const { id, triggerId, workloadId, override, enabled } = command;
  requireFit(override);
  return [{ type: 'BindingCreated', data: { id, triggerId, workloadId, override, enabled } }];
}

function change(command: { override?: Override; enabled?: boolean }, state: BindingState): BindingEvent[] {
  const { override, enabled } = command;
  if (override !== undefined) requireFit(override);
  const data = {
    ...(override !== undefined && JSON.stringify(override) !== JSON.stringify(state.override) ? { override } : {}),
    ...(enabled !== undefined && enabled !== state.enabled ? { enabled } : {}),
  };
  return Object.keys(data).length === 0 ? [] : [{ type: 'BindingChanged', data }];
}

function requireFit(override: Override): void {
  const bytes = utf8Length(JSON.stringify(override));
  if (bytes > OVERRIDE_LIMIT) {
    throw new Rejection(
      'override-too-large',
      `The override takes ${bytes} bytes; at most ${OVERRIDE_LIMIT} are kept.`,
      [{ pointer: '/override', detail: `must be at most ${OVERRIDE_LIMIT} bytes of compact UTF-8 JSON` }],
    );
  }
}

/** Bytes of well-formed UTF-16 text in UTF-8, without a host API: the console counts the same way. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

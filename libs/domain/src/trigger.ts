import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';
import type { SecretRef } from './secret-ref.js';

/** The secret in the webhook URL: found by its SHA-256 (hex), readable again through `ref`. */
export interface UrlSecret {
  readonly hash: string;
  readonly ref: SecretRef;
}

export interface TriggerSettings {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly webhookEnabled: boolean;
  /** Pins one vendor; null = recognised by header or envelope. */
  readonly vendor: string | null;
  readonly signingSecret: SecretRef | null;
}

export type TriggerEvent =
  | Event<'TriggerCreated', TriggerSettings & { id: string; kind: string; urlSecret: UrlSecret }>
  | Event<'TriggerChanged', Partial<TriggerSettings>>
  | Event<'TriggerSecretRotated', { urlSecret: UrlSecret; previous: UrlSecret; previousUntil: string }>
  | Event<'TriggerDeleted', object>;

export type TriggerCommand =
  | { type: 'CreateTrigger'; id: string; kind: string; urlSecret: UrlSecret; settings: TriggerSettings }
  | { type: 'ChangeTrigger'; changes: Partial<TriggerSettings> }
  | { type: 'RotateUrlSecret'; urlSecret: UrlSecret; previousUntil: string }
  | { type: 'DeleteTrigger' };

export interface TriggerState extends TriggerSettings {
  readonly status: 'absent' | 'present' | 'gone';
  readonly id: string;
  readonly kind: string;
  readonly urlSecret: UrlSecret | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const trigger: Decider<TriggerState, TriggerCommand, TriggerEvent> = {
  name: 'trigger',
  initial: {
    status: 'absent',
    id: '',
    kind: '',
    name: '',
    config: {},
    webhookEnabled: false,
    vendor: null,
    signingSecret: null,
    urlSecret: null,
  },
  decide(command, state) {
    if (command.type === 'CreateTrigger') return create(command, state);
    if (state.status === 'gone' && command.type === 'DeleteTrigger') return [];
    if (state.status !== 'present') throw new Rejection('not-found', 'There is no such trigger.');
    switch (command.type) {
      case 'ChangeTrigger':
        return change(command.changes, state);
      case 'RotateUrlSecret':
        return rotate(command, state);
      case 'DeleteTrigger':
        return [{ type: 'TriggerDeleted', data: {} }];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'TriggerCreated':
        return { ...state, ...event.data, status: 'present' };
      case 'TriggerChanged':
        return { ...state, ...event.data };
      case 'TriggerSecretRotated':
        return { ...state, urlSecret: event.data.urlSecret };
      case 'TriggerDeleted':
        return { ...state, status: 'gone' };
    }
  },
};

function create(command: Extract<TriggerCommand, { type: 'CreateTrigger' }>, state: TriggerState): TriggerEvent[] {
  if (state.status !== 'absent') return [];
  const { id, kind, urlSecret, settings } = command;
  requireName(settings.name);
  return [{ type: 'TriggerCreated', data: { id, kind, urlSecret, ...settings } }];
}

function change(changes: Partial<TriggerSettings>, state: TriggerState): TriggerEvent[] {
  if (changes.name !== undefined) requireName(changes.name);
  const differing = Object.entries(changes).filter(
    ([key, value]) =>
      value !== undefined && JSON.stringify(value) !== JSON.stringify(state[key as keyof TriggerSettings]),
  );
  return differing.length === 0 ? [] : [{ type: 'TriggerChanged', data: Object.fromEntries(differing) }];
}

function rotate(command: { urlSecret: UrlSecret; previousUntil: string }, state: TriggerState): TriggerEvent[] {
  const { urlSecret, previousUntil } = command;
  if (state.urlSecret === null) throw new Rejection('not-found', 'This trigger has no webhook secret to rotate.');
  return [{ type: 'TriggerSecretRotated', data: { urlSecret, previous: state.urlSecret, previousUntil } }];
}

function requireName(name: string): void {
  if (name.trim() === '' || name.length > 100) {
    throw new Rejection('invalid-name', 'The trigger needs a name.', [
      { pointer: '/name', detail: 'must be 1 to 100 characters' },
    ]);
  }
}

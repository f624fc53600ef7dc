import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';
import type { SecretRef } from './secret-ref.js';

export interface RegistrySettings {
  readonly name: string;
  /** `host[:port]`, lower case. */
  readonly host: string;
  readonly username: string | null;
  readonly password: SecretRef | null;
  readonly kind: string;
  /** Plain http, and a private or loopback host. */
  readonly insecure: boolean;
}

export type RegistryEvent =
  | Event<'RegistryCreated', RegistrySettings & { id: string }>
  | Event<'RegistryChanged', Partial<RegistrySettings>>
  | Event<'RegistryDeleted', object>;

export type RegistryCommand =
  | { type: 'CreateRegistry'; id: string; settings: RegistrySettings }
  | { type: 'ChangeRegistry'; changes: Partial<RegistrySettings> }
  | { type: 'DeleteRegistry'; usedBy: readonly string[] };

export interface RegistryState {
  readonly status: 'absent' | 'present' | 'gone';
  readonly settings: RegistrySettings | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$|^\[[0-9a-f:]+\](:[0-9]{1,5})?$/;

export const registry: Decider<RegistryState, RegistryCommand, RegistryEvent> = {
  name: 'registry',
  initial: { status: 'absent', settings: null },
  decide(command, state) {
    if (command.type === 'CreateRegistry') {
      if (state.status !== 'absent') return [];
      return [{ type: 'RegistryCreated', data: { id: command.id, ...checked(command.settings) } }];
    }
    if (state.status === 'gone' && command.type === 'DeleteRegistry') return [];
    if (state.settings === null || state.status === 'gone')
      throw new Rejection('not-found', 'There is no such registry.');
    if (command.type === 'ChangeRegistry') return change(command.changes, state.settings);
    if (command.usedBy.length > 0) {
      throw new Rejection(
        'registry-in-use',
        `Registry ${state.settings.name} is used by ${command.usedBy.join(', ')}; point them elsewhere first.`,
      );
    }
    return [{ type: 'RegistryDeleted', data: {} }];
  },
  evolve(state, event) {
    switch (event.type) {
      case 'RegistryCreated': {
        const { id: _, ...settings } = event.data;
        return { status: 'present', settings };
      }
      case 'RegistryChanged':
        return { ...state, settings: { ...state.settings!, ...event.data } };
      case 'RegistryDeleted':
        return { ...state, status: 'gone' };
    }
  },
};

function change(changes: Partial<RegistrySettings>, settings: RegistrySettings): RegistryEvent[] {
  const named = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const wanted = checked({ ...settings, ...named });
  const differing = Object.keys(named).filter(
    (key) =>
      JSON.stringify(wanted[key as keyof RegistrySettings]) !== JSON.stringify(settings[key as keyof RegistrySettings]),
  );
  if (differing.length === 0) return [];
  return [
    {
      type: 'RegistryChanged',
      data: Object.fromEntries(differing.map((key) => [key, wanted[key as keyof RegistrySettings]])),
    },
  ];
}

function checked(settings: RegistrySettings): RegistrySettings {
  const host = settings.host.toLowerCase();
  if (!HOST.test(host)) {
    throw new Rejection('invalid-host', 'The registry host is not valid.', [
      {
        pointer: '/host',
        detail: 'must be a host name with an optional port, such as registry.example.org:5000, without a scheme',
      },
    ]);
  }
  if (settings.name.trim() === '' || settings.name.length > 100) {
    throw new Rejection('invalid-name', 'The registry needs a name.', [
      { pointer: '/name', detail: 'must be 1 to 100 characters' },
    ]);
  }
  return { ...settings, host };
}

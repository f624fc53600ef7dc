import type { Role } from './access.js';
import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

export type PersonEvent = Event<'PersonCreated', { id: string; role: Role }>;
/** The name is personal data: it lives beside the password hash, not in the event. */
export type PersonCommand = { type: 'CreatePerson'; id: string; role: Role; name: string };
export interface PersonState {
  readonly status: 'absent' | 'present';
  readonly role: Role | null;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const person: Decider<PersonState, PersonCommand, PersonEvent> = {
  name: 'person',
  initial: { status: 'absent', role: null },
  decide(command, state) {
    if (state.status !== 'absent') return [];
    if (command.name.trim() === '' || command.name.length > 100) {
      throw new Rejection('invalid-name', 'A person needs a name.', [
        { pointer: '/name', detail: 'must be 1 to 100 characters' },
      ]);
    }
    return [{ type: 'PersonCreated', data: { id: command.id, role: command.role } }];
  },
  evolve(_state, event) {
    return { status: 'present', role: event.data.role };
  },
};

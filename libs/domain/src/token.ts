import type { Role } from './access.js';
import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

export interface TokenSettings {
  readonly name: string;
  readonly role: Role;
  /** Null = every workload. */
  readonly workloadIds: readonly string[] | null;
  readonly expiresAt: string | null;
}

export type TokenEvent =
  Event<'TokenCreated', TokenSettings & { id: string; hash: string; prefix: string }> | Event<'TokenRevoked', object>;
export type TokenCommand =
  | { type: 'CreateToken'; id: string; hash: string; prefix: string; settings: TokenSettings; at: string }
  | { type: 'RevokeToken' };
export interface TokenState {
  readonly status: 'absent' | 'present' | 'revoked';
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const token: Decider<TokenState, TokenCommand, TokenEvent> = {
  name: 'token',
  initial: { status: 'absent' },
  decide(command, state) {
    if (command.type === 'CreateToken') return state.status === 'absent' ? [created(command)] : [];
    if (state.status === 'absent') throw new Rejection('not-found', 'There is no such token.');
    return state.status === 'revoked' ? [] : [{ type: 'TokenRevoked', data: {} }];
  },
  evolve(_state, event) {
    return { status: event.type === 'TokenCreated' ? 'present' : 'revoked' };
  },
};

function created({ id, hash, prefix, settings, at }: Extract<TokenCommand, { type: 'CreateToken' }>): TokenEvent {
  if (settings.expiresAt !== null && !(Date.parse(settings.expiresAt) > Date.parse(at))) {
    throw new Rejection('invalid-expiry', 'The token would be expired already.', [
      { pointer: '/expiresAt', detail: 'must lie in the future' },
    ]);
  }
  return { type: 'TokenCreated', data: { id, hash, prefix, ...settings } };
}

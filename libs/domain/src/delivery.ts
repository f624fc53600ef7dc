import type { Decider, DomainEvent } from './decider.js';
import { Rejection } from './errors.js';

export type DeliveryOrigin = 'webhook' | 'poll' | 'schedule' | 'manual' | 'replay';
/** `accepted` and `dispatching` are on their way; the others are final. */
export type DeliveryStatus = 'accepted' | 'dispatching' | 'settled' | UndispatchedStatus;
export type UndispatchedStatus = 'ignored' | 'ping' | 'disabled' | 'no-binding' | 'dead-letter';

/** What one binding made of a delivery: the answer to "why did it (not) deploy?". */
export interface BindingVerdict {
  readonly bindingId: string;
  readonly workloadId: string;
  readonly verdict: 'matched' | 'filtered' | 'errored';
  readonly code: string;
  readonly reason: string;
  /** What was judged: the effective config's deciding fields and the last accepted candidate. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly deploymentId: string | null;
}

/** An inbound event without its pusher and message: those are personal data and stay with the body. */
export type RecordedInbound = Readonly<Record<string, unknown>> & { readonly kind: string };

export interface DeliveryReceived {
  readonly id: string;
  readonly triggerId: string;
  readonly triggerKind: string;
  readonly origin: DeliveryOrigin;
  readonly vendor: string;
  readonly events: readonly RecordedInbound[];
  readonly status: 'accepted' | UndispatchedStatus;
  readonly reason: string | null;
  readonly replayOf: string | null;
}

export type DeliveryEvent =
  | Event<'DeliveryRecorded', DeliveryReceived>
  | Event<'DeliveryMatched', { verdicts: readonly BindingVerdict[]; remaining: number }>
  | Event<'DeliveryDeferred', { code: string; message: string; attempt: number; retryAt: string }>
  | Event<'DeliverySettled', { bindings: number }>;

export type DeliveryCommand =
  | { type: 'RecordDelivery'; received: DeliveryReceived }
  | { type: 'RecordVerdicts'; verdicts: readonly BindingVerdict[]; remaining: number }
  | { type: 'DeferDelivery'; code: string; message: string; retryAt: string }
  | { type: 'SettleDelivery' };

export interface DeliveryState {
  readonly received: DeliveryReceived | null;
  readonly status: 'absent' | DeliveryStatus;
  readonly judged: readonly string[];
  /** True once every enabled binding has its verdict. */
  readonly isDispatched: boolean;
  readonly attempt: number;
}

type Event<T extends string, D extends object> = DomainEvent & { readonly type: T; readonly data: D };

export const delivery: Decider<DeliveryState, DeliveryCommand, DeliveryEvent> = {
  name: 'delivery',
  initial: { received: null, status: 'absent', judged: [], isDispatched: false, attempt: 0 },
  decide(command, state) {
    if (command.type === 'RecordDelivery') {
      return state.status === 'absent' ? [{ type: 'DeliveryRecorded', data: command.received }] : [];
    }
    if (state.status === 'absent') throw new Rejection('not-found', 'There is no such delivery.');
    const isOpen = state.status === 'accepted' || state.status === 'dispatching';
    if (!isOpen) return [];
    switch (command.type) {
      case 'RecordVerdicts':
        return verdicts(command, state);
      case 'DeferDelivery': {
        const { code, message, retryAt } = command;
        return [{ type: 'DeliveryDeferred', data: { code, message, retryAt, attempt: state.attempt + 1 } }];
      }
      case 'SettleDelivery':
        return state.isDispatched ? [{ type: 'DeliverySettled', data: { bindings: state.judged.length } }] : [];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'DeliveryRecorded':
        return { ...state, received: event.data, status: event.data.status };
      case 'DeliveryMatched':
        return {
          ...state,
          status: 'dispatching',
          judged: [...state.judged, ...event.data.verdicts.map((verdict) => verdict.bindingId)],
          isDispatched: event.data.remaining === 0,
        };
      case 'DeliveryDeferred':
        return { ...state, status: 'dispatching', attempt: event.data.attempt };
      case 'DeliverySettled':
        return { ...state, status: 'settled' };
    }
  },
};

function verdicts(
  command: { verdicts: readonly BindingVerdict[]; remaining: number },
  state: DeliveryState,
): DeliveryEvent[] {
  if (state.isDispatched) return [];
  const distinct = [...new Map(command.verdicts.map((verdict) => [verdict.bindingId, verdict])).values()];
  const fresh = distinct.filter((verdict) => !state.judged.includes(verdict.bindingId));
  if (fresh.length === 0 && command.remaining > 0) return [];
  return [{ type: 'DeliveryMatched', data: { verdicts: fresh, remaining: command.remaining } }];
}

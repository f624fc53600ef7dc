import { Rejection } from './errors.js';

export interface CancelRequest {
  readonly message: string;
}

/** As much of a deployment as decides whether it can still be ended. */
interface Cancellable {
  readonly request: { readonly id: string; readonly node: string } | null;
  readonly status: string;
  readonly current: string | null;
  readonly commitStep: string | null;
  readonly failure: object | null;
  readonly cancel: CancelRequest | null;
}

type CancelEvent =
  | { readonly type: 'DeploymentCancelled'; readonly data: CancelRequest }
  | { readonly type: 'DeploymentCancelRequested'; readonly data: CancelRequest & { readonly node: string } };

/**
 * A waiting one ends at once; the holder of a running one undoes and ends it. Throws `already-switched`, `already-ended`,
 * or changes nothing where it is asked for only if it is still time.
 */
export function requestCancel(
  { message, onlyIfStill = false }: CancelRequest & { readonly onlyIfStill?: boolean },
  state: Cancellable,
): CancelEvent[] {
  const { id = '', node = '' } = state.request ?? {};
  if (state.status === 'waiting') return [{ type: 'DeploymentCancelled', data: { message } }];
  // What failed for good is being undone already, and ends as what it is.
  const isEnding = state.status === 'running' && (state.failure !== null || state.cancel !== null);
  if (state.status === 'cancelled' || isEnding) return [];
  if (onlyIfStill && (state.status !== 'running' || isAtTheSwitch(state))) return [];
  if (isAtTheSwitch(state)) {
    const how = state.status === 'running' ? 'is at its switch' : 'has switched: its release took over';
    throw new Rejection(
      'already-switched',
      `Deployment ${id} ${how}, and a switch is not undone half way. Roll back to bring the release before it back.`,
    );
  }
  if (state.status !== 'running') {
    throw new Rejection('already-ended', `Deployment ${id} is ${state.status}: there is nothing left to cancel.`);
  }
  return [{ type: 'DeploymentCancelRequested', data: { message, node } }];
}

type Superseded = { readonly type: 'DeploymentSuperseded'; readonly data: { readonly by: string } };

/** The waiting one gives way to a newer request; the running one too where the policy says so and it still can. */
export function supersede(
  { by, cancelsRunning = false }: { readonly by: string; readonly cancelsRunning?: boolean },
  state: Cancellable,
): (CancelEvent | Superseded)[] {
  if (state.status === 'waiting') return [{ type: 'DeploymentSuperseded', data: { by } }];
  if (!cancelsRunning) return [];
  const message = `Deployment ${by} is newer, and the policy is to cancel what runs.`;
  return requestCancel({ message, onlyIfStill: true }, state);
}

/** From the start of the commit step on it is too late: whoever is first in the stream, this or that start, wins. */
function isAtTheSwitch({ status, current, commitStep }: Cancellable): boolean {
  if (status === 'succeeded' || status === 'rolled_back') return true;
  return status === 'running' && current !== null && current === commitStep;
}

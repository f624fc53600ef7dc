import type { AcceptedCandidate, Override } from './binding.js';
import type { Face } from './face.js';
import type { RunState } from './run-state.js';
import type { Volume } from './volume.js';
import type { Env, Hold, Policy } from './workload.js';

/** One enabled binding with all that its verdict depends on, read in one query for the whole delivery. */
export interface BoundWorkload {
  readonly bindingId: string;
  readonly bindingVersion: number;
  readonly override: Override;
  readonly last: AcceptedCandidate | null;
  readonly workloadId: string;
  readonly workloadVersion: number;
  readonly workloadName: string;
  readonly sourceKind: string;
  readonly sourceConfig: Readonly<Record<string, unknown>>;
  readonly faces: readonly Face[];
  readonly env: Env;
  readonly envVersion: number;
  readonly volumes: readonly Volume[];
  readonly node: string;
  readonly hold: Hold | null;
  readonly runState: RunState;
  readonly lifecycle: 'present' | 'deleting' | 'gone';
  readonly waitingId: string | null;
  readonly runningId: string | null;
  readonly onNewer: Policy['onNewer'];
}

export interface TriggerRow {
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
}

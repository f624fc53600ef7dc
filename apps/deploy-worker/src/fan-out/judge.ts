import { mergeOverride, type AcceptedCandidate, type Override } from '#domain/binding';
import type { Face } from '#domain/face';
import { oneLine } from '#domain/one-line';
import type { Volume } from '#domain/volume';
import type { Env, Hold, Policy } from '#domain/workload';
import type { RunState } from '#domain/run-state';
import { checkConfig } from '#plugins/config';
import type { InboundEvent } from '#plugins/inbound';
import type { Ref, Source } from '#plugins/source';
import type { Trigger } from '#plugins/trigger';

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

export interface Plugins {
  readonly sources: readonly Source[];
  readonly triggers: readonly Trigger[];
}

/** What a binding makes of a delivery before the outside world is asked. `inputs` leave out the events: the delivery has them. */
export type Judgement = { readonly inputs: Readonly<Record<string, unknown>> } & (
  | {
      readonly verdict: 'matched';
      readonly code: string;
      readonly reason: string;
      readonly ref: Ref;
      readonly accepted: AcceptedCandidate;
      /** Also when nothing changed. */
      readonly force: boolean;
      /** It takes the place of what runs. */
      readonly cancelsRunning: boolean;
    }
  | { readonly verdict: 'filtered' | 'errored'; readonly code: string; readonly reason: string }
);

export interface TriggerRow {
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Pure, and isolated: whatever one binding throws becomes its own `errored` verdict. */
export function judge(
  bound: BoundWorkload,
  trigger: TriggerRow,
  events: readonly InboundEvent[],
  plugins: Plugins,
): Judgement {
  const inputs = { override: bound.override, last: bound.last };
  try {
    const held = unavailable(bound);
    return held === null ? match(bound, trigger, events, plugins) : { ...held, inputs };
  } catch (error) {
    const reason = oneLine(
      `The binding could not be judged: ${error instanceof Error ? error.message : String(error)}`,
    );
    return { verdict: 'errored', code: 'judge-failed', reason, inputs };
  }
}

function match(bound: BoundWorkload, row: TriggerRow, events: readonly InboundEvent[], plugins: Plugins): Judgement {
  const given = { override: bound.override, last: bound.last };
  const trigger = plugins.triggers.find((plugin) => plugin.kind === row.kind);
  const source = plugins.sources.find((plugin) => plugin.kind === bound.sourceKind);
  if (trigger === undefined || source === undefined) {
    const kind = trigger === undefined ? `trigger kind ${row.kind}` : `source kind ${bound.sourceKind}`;
    return errored('unknown-kind', `This release has no ${kind}.`, given);
  }
  const merged = checkConfig(trigger.config, mergeOverride(row.config, bound.override));
  const own = checkConfig(source.config, bound.sourceConfig);
  const broken = [...merged.errors, ...own.errors][0];
  if (broken !== undefined)
    return errored('invalid-config', `${broken.pointer || 'the config'} ${broken.detail}`, given);
  const effective = trigger.complete?.(merged.value, source.own(own.value)) ?? merged.value;
  const inputs = { effectiveConfig: effective, last: bound.last };
  const candidates = events
    .filter((event) => trigger.accepts.includes(event.kind))
    .map((event) => ({ event, createdAt: null, seenAt: new Date().toISOString() }));
  if (candidates.length === 0) {
    const kinds = [...new Set(events.map((event) => event.kind))].join(', ') || 'nothing';
    return {
      verdict: 'filtered',
      code: 'other-event',
      reason: `A ${row.kind} trigger does not react to ${kinds}.`,
      inputs,
    };
  }
  const verdict = trigger.match(candidates, effective, bound.last);
  if (verdict.verdict === 'filtered') return { ...verdict, inputs };
  const busy = bound.runningId ?? bound.waitingId;
  if (verdict.whenBusy === 'skip' && busy !== null) {
    const reason = `Deployment ${busy} of ${bound.workloadName} is not finished yet.`;
    return { verdict: 'filtered', code: 'overlap', reason, inputs };
  }
  const ref = source.reference(verdict.wish, own.value);
  if ('skip' in ref) return { verdict: 'filtered', code: ref.skip, reason: ref.reason, inputs };
  const { code, reason, accepted } = verdict;
  const how = { force: verdict.wish.force === true, cancelsRunning: verdict.whenBusy === 'replace' };
  return { verdict: 'matched', code, reason, ref, accepted, inputs, ...how };
}

function unavailable(bound: BoundWorkload): { verdict: 'filtered'; code: string; reason: string } | null {
  if (bound.lifecycle !== 'present') {
    return { verdict: 'filtered', code: 'deleting', reason: `Workload ${bound.workloadName} is being deleted.` };
  }
  if (bound.runState === 'stopped') {
    return {
      verdict: 'filtered',
      code: 'stopped',
      reason: `Workload ${bound.workloadName} is stopped; a trigger never starts it.`,
    };
  }
  if (bound.hold !== null) {
    const { reason, since } = bound.hold;
    return {
      verdict: 'filtered',
      code: 'held',
      reason: `Workload ${bound.workloadName} is on hold since ${since}: ${reason}`,
    };
  }
  return null;
}

function errored(code: string, reason: string, inputs: Record<string, unknown>): Judgement {
  return { verdict: 'errored', code, reason, inputs };
}

import { mergeOverride, type AcceptedCandidate } from '#domain/binding';
import type { BoundWorkload, TriggerRow } from '#domain/bound-workload';
import { oneLine } from '#domain/one-line';
import { checkConfig } from './config.js';
import type { InboundEvent, Wish } from './inbound.js';
import type { Artifact, Ref, Source } from './source.js';
import type { Trigger } from './trigger.js';

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
      /** What was asked of the source. */
      readonly wish: Wish;
      readonly ref: Ref;
      readonly accepted: AcceptedCandidate;
      /** Also when nothing changed. */
      readonly force: boolean;
      /** It takes the place of what runs. */
      readonly cancelsRunning: boolean;
    }
  | {
      readonly verdict: 'filtered' | 'errored';
      readonly code: string;
      readonly reason: string;
      /** What the binding starts from. */
      readonly baseline?: AcceptedCandidate;
    }
);

/** What is judged. Somebody who replays a delivery wants what it brought once more: a repetition is not left out then. */
export interface Judged {
  readonly events: readonly InboundEvent[];
  readonly isReplay?: boolean;
  readonly isPoll?: boolean;
}

/** Pure, and isolated: whatever one binding throws becomes its own `errored` verdict. */
export function judge(
  bound: BoundWorkload,
  trigger: TriggerRow,
  { events, isReplay = false, isPoll = false }: Judged,
  plugins: Plugins,
): Judgement {
  const inputs = { override: bound.override, last: bound.last };
  try {
    const held = unavailable(bound);
    return held === null ? match(bound, trigger, { events, isReplay, isPoll }, plugins) : { ...held, inputs };
  } catch (error) {
    const reason = oneLine(
      `The binding could not be judged: ${error instanceof Error ? error.message : String(error)}`,
    );
    return { verdict: 'errored', code: 'judge-failed', reason, inputs };
  }
}

function match(
  bound: BoundWorkload,
  row: TriggerRow,
  { events, isReplay, isPoll }: Judged,
  plugins: Plugins,
): Judgement {
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
  const first = trigger.match(candidates, effective, bound.last);
  const isRepeat = isReplay && first.verdict === 'filtered' && first.code === 'duplicate';
  const verdict = isRepeat ? trigger.match(candidates, effective, null) : first;
  if (verdict.verdict === 'filtered') return { ...verdict, inputs };
  if (isPoll === true && bound.last === null && trigger.startsFromPoll && verdict.verdict === 'matched') {
    const reason = `The first poll found ${verdict.accepted.tag ?? 'it'}: what comes after that deploys.`;
    return { verdict: 'filtered', code: 'baseline', reason, inputs, baseline: verdict.accepted };
  }
  const busy = bound.runningId ?? bound.waitingId;
  if (verdict.whenBusy === 'skip' && busy !== null) {
    const reason = `Deployment ${busy} of ${bound.workloadName} is not finished yet.`;
    return { verdict: 'filtered', code: 'overlap', reason, inputs };
  }
  const ref = source.reference(verdict.wish, own.value);
  if ('skip' in ref) return { verdict: 'filtered', code: ref.skip, reason: ref.reason, inputs };
  const { code, reason, accepted } = verdict;
  const how = { force: verdict.wish.force === true, cancelsRunning: verdict.whenBusy === 'replace' };
  return { verdict: 'matched', code, reason, wish: verdict.wish, ref, accepted, inputs, ...how };
}

/**
 * Null, or why what a matched reference turned out to be is no news: a payload that names no digest comes several times
 * for one push. Asked by hand, forced or replayed it counts all the same.
 */
export function repetition(
  { last }: Pick<BoundWorkload, 'last'>,
  judgement: Extract<Judgement, { verdict: 'matched' }>,
  artifact: Artifact,
): { readonly code: string; readonly reason: string } | null {
  const { accepted, force, code } = judgement;
  const isOpen = accepted.tag !== null && accepted.digest === null && last !== null && last.digest !== null;
  if (!isOpen || force || code === 'manual' || last.tag !== accepted.tag || last.digest !== artifact.digest)
    return null;
  return { code: 'duplicate', reason: `tag ${accepted.tag} still is ${artifact.digest}, which was accepted before` };
}

/** What is remembered of a match: with the digest that its tag turned out to have. */
export function acceptedOf(
  { accepted }: { readonly accepted: AcceptedCandidate },
  artifact: Artifact,
): AcceptedCandidate {
  const isOpen = accepted.tag !== null && accepted.digest === null && artifact.tag === accepted.tag;
  return isOpen ? { ...accepted, digest: artifact.digest } : accepted;
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

import type { Candidate, Trigger, Verdict } from '../../trigger.js';
import { ManualTriggerConfig } from './manual-trigger.config.dto.js';

export const manual: Trigger<ManualTriggerConfig> = {
  kind: 'manual',
  title: 'Manual',
  config: ManualTriggerConfig,
  sample: {},
  accepts: ['manual'],
  webhookByDefault: false,
  match,
};

/** Always, with what was asked for; nothing means the newest tracked. */
function match(candidates: readonly Candidate[]): Verdict {
  const event = candidates.map((candidate) => candidate.event).find((one) => one.kind === 'manual');
  if (event === undefined) {
    return { verdict: 'filtered', code: 'other-event', reason: 'a manual trigger takes manual events only' };
  }
  const wish = event.wish ?? {};
  return {
    verdict: 'matched',
    code: 'manual',
    reason: 'asked for by hand',
    wish,
    accepted: {
      tag: wish.image?.tag ?? null,
      digest: wish.image?.digest ?? null,
      ref: wish.git?.ref ?? null,
      sha: wish.git?.sha ?? null,
      createdAt: null,
    },
  };
}

import { findingsKey, observation, observedKey } from '#domain/observation';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import type { Seen } from './observe.js';

const CHUNK = 50;

/** What is told of it: with `ignore` nothing is drift. */
export function toldFindings({ desired, findings }: Seen): Seen['findings'] {
  return desired.policy.drift === 'ignore' ? [] : findings;
}

/** It was seen otherwise the last time. */
export function isNews(seen: Seen): boolean {
  const { recorded } = seen.desired;
  if (recorded?.state == null) return seen.observed.deploymentId !== null || seen.findings.length > 0;
  const before = { ...recorded, state: recorded.state };
  return (
    observedKey(before) !== observedKey(seen.observed) ||
    findingsKey(recorded.findings) !== findingsKey(toldFindings(seen))
  );
}

/** Events for what has changed, many workloads in one commit. Two reconcilers at once record it once. */
export async function record(store: Store, news: readonly Seen[], now: number): Promise<void> {
  const at = new Date(now).toISOString();
  for (let from = 0; from < news.length; from += CHUNK) {
    const operations = news.slice(from, from + CHUNK).map((seen) => {
      const { desired, observed } = seen;
      const healedBy = desired.current?.reason === 'drift' ? desired.current.deploymentId : null;
      const { drift: policy } = desired.policy;
      const command = {
        type: 'RecordObservation',
        observed,
        findings: toldFindings(seen),
        policy,
        healedBy,
        at,
      } as const;
      return on(observation, desired.workloadId, command);
    });
    await store.commit(operations, { actor: 'system:reconciler', correlationId: 'observation' });
  }
}

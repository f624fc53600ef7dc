import { workload, type WorkloadState } from '#domain/workload';
import type { Store } from '#store/store';
import { notFound, requireVisible, type Identity } from '../access/identity.js';
import { maskEnv } from './env.js';

export interface PastWorkload extends Record<string, unknown> {
  readonly version: number;
}

/** A workload folded up to a version or an instant: what its own stream says. Throws `not-found` before its time. */
export async function workloadAt(
  store: Store,
  who: Identity,
  id: string,
  past: { readonly version?: number; readonly at?: string },
): Promise<PastWorkload> {
  requireVisible(who, id);
  const { state, version } = await store.load(workload, id, { toVersion: past.version, at: past.at });
  if (version === 0) throw notFound('workload');
  return { ...shown(state), version };
}

/** The differing top-level fields between two versions; 0 = before it was made. */
export async function workloadDiff(
  store: Store,
  who: Identity,
  id: string,
  { from, to }: { from: number; to: number },
) {
  requireVisible(who, id);
  const [before, after] = await Promise.all([from, to].map((toVersion) => store.load(workload, id, { toVersion })));
  if (after!.version === 0) throw notFound('workload');
  const [left, right] = [shown(before!.state), shown(after!.state)];
  const differing = Object.keys(right).filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]));
  const changes = differing.map((field) => ({ field, from: from === 0 ? null : left[field], to: right[field] }));
  return { from: before!.version, to: after!.version, changes };
}

function shown({ env, ...state }: WorkloadState): Record<string, unknown> {
  return { ...state, env: maskEnv(env) };
}

import { v7 as uuidv7 } from 'uuid';
import { deployment, type DeploymentRequest, type DeploymentStatus } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import type { FindingKind } from '#domain/observation';
import type { ReleaseRecord } from '#domain/release';
import { onNew } from '#store/operation';
import type { Store } from '#store/store';
import type { CurrentRelease } from './desired.js';
import type { Seen } from './observe.js';

/** What a deployment of the current release mends. */
const MENDED: readonly FindingKind[] = ['missing', 'crashed', 'stopped', 'changed'];

/** One attempt to bring a workload's release back. */
export interface Attempt {
  readonly lost: string;
  readonly desired: string;
  readonly attempt: number;
  /** Milliseconds. */
  readonly at: number;
  readonly status: DeploymentStatus | null;
}

const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Attempts that succeeded and did not last: somebody at work by hand may well break it twice. */
const FREE_SUCCESSES = 3;

/** True when the current release should be deployed again. Never what a newer log may know better. */
export function wantsHealing({ desired, findings }: Seen): boolean {
  if (desired.policy.drift !== 'heal' || desired.runState === 'stopped' || desired.current === null) return false;
  if (findings.some(({ kind }) => kind === 'unknown')) return false;
  return findings.some(({ kind }) => MENDED.includes(kind));
}

/** Milliseconds since the epoch from which on the next attempt may be made: the first at once, then slower and slower. */
export function nextAttemptAt(attempts: readonly Attempt[], desired: string): number {
  const same = attempts.filter((each) => each.desired === desired).sort((a, b) => a.at - b.at);
  const last = same.at(-1);
  if (last === undefined) return 0;
  const isFree = last.status === 'succeeded';
  const exponent = isFree ? same.length - FREE_SUCCESSES : same.length - 1;
  if (exponent < 0) return 0;
  return last.at + Math.min(FIRST_PAUSE_MS * 2 ** exponent, LONGEST_PAUSE_MS);
}

/** Attempts of the last hour, by workload: one query. */
export async function readAttempts(
  { pool }: Store,
  workloadIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Attempt[]>> {
  const { rows } = await pool.query<Omit<Attempt, 'at'> & { workloadId: string; at: Date }>({
    name: 'heal-attempts',
    text: `select h.workload_id as "workloadId", h.lost_deployment_id as lost, h.desired, h.attempt, h.at, d.status
      from state.heal h left join view.deployment d on d.id = h.deployment_id
      where h.workload_id = any($1::uuid[]) and h.at > now() - interval '1 hour'`,
    values: [workloadIds],
  });
  const attempts = rows.map((row) => ({ ...row, at: row.at.getTime() }));
  return Map.groupBy(attempts, ({ workloadId }) => workloadId);
}

/**
 * Asks for a deployment of the current release. Nothing happens, and the answer is false, when another reconciler asked
 * before, or when anything else was asked for since: the workload then gets that instead.
 */
export async function heal(store: Store, seen: Seen, attempts: readonly Attempt[]): Promise<boolean> {
  const { desired } = seen;
  const lost = desired.current!.deploymentId;
  const attempt = Math.max(0, ...attempts.filter((each) => each.lost === lost).map((each) => each.attempt)) + 1;
  const request = requestOf(seen);
  const extra = [
    {
      text: `insert into state.heal (workload_id, lost_deployment_id, attempt, desired, deployment_id) values ($1, $2, $3, $4, $5)`,
      values: [desired.workloadId, lost, attempt, desired.current!.releaseKey, request.id],
    },
    { text: 'select log.assert_healable($1, $2, $3)', values: [desired.workloadId, lost, request.id] },
  ];
  try {
    const operation = onNew(deployment, request.id, { type: 'RequestDeployment', request });
    await store.commit([operation], { actor: 'system:reconciler', correlationId: request.id, extra });
    return true;
  } catch (error) {
    if (isOvertaken(error)) return false;
    throw error;
  }
}

function requestOf({ desired, findings }: Seen): DeploymentRequest {
  const { workloadId, name, sourceKind, node, current } = desired;
  const words = findings.filter(({ kind }) => MENDED.includes(kind)).map(({ detail }) => detail);
  return {
    id: uuidv7(),
    workloadId,
    workloadName: name,
    sourceKind,
    node,
    reason: 'drift',
    note: words.join('; ').slice(0, 500),
    bindingId: null,
    deliveryId: null,
    release: pinned(current!),
  };
}

/** What runs, whatever its tags are by now: an image that only the host has is brought back by its id. */
function pinned({ release, facts }: CurrentRelease): ReleaseRecord {
  const { artifact } = release;
  const images = facts['images'] as typeof artifact.images;
  if (images !== undefined) return { ...release, artifact: { ...artifact, images } };
  const localId = facts['imageId'];
  if (artifact.digest !== null || artifact.localId !== undefined || typeof localId !== 'string') return release;
  return { ...release, artifact: { ...artifact, localId } };
}

const OVERTAKEN = ['already-healing', 'already-waiting', 'already-running'];

function isOvertaken(error: unknown): boolean {
  if (error instanceof Rejection) return OVERTAKEN.includes(error.code);
  return error instanceof Error && 'code' in error && error.code === 'TF009';
}

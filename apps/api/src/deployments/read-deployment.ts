import type { DataSource } from 'typeorm';
import { readLog } from '#store/deployment-log';
import type { Store } from '#store/store';
import { Deployment, Step, type FailureView } from '#store/views/deployment.entity';
import { notFound, type Identity } from '../access/identity.js';
import { maskRefs } from '../records/masked.js';
import { maskEnv } from '../workloads/env.js';
import { maskFace } from '../workloads/mask-face.js';
import { waitingFor } from './waiting-for.js';
import type { DeploymentAnswer, DeploymentDetail, StepAnswer } from './deployment.dto.js';

/** Lines of the log that a failure shows. */
const LAST_LINES = 20;

interface Reading {
  readonly store: Store;
  readonly reads: DataSource;
}

/** One deployment with its steps; a failed one with the lines that came before. Throws `not-found`. */
export async function readDeployment({ store, reads }: Reading, who: Identity, id: string): Promise<DeploymentDetail> {
  const row = await findDeployment(reads, who, id);
  const [steps, error, waits] = await Promise.all([
    reads.getRepository(Step).find({ where: { deploymentId: id }, order: { ordinal: 'ASC' } }),
    withLastLines(store, row),
    waitingFor(reads, row),
  ]);
  return { ...deploymentAnswer(row), steps: stepAnswers(row, steps), error, waitingFor: waits };
}

/** With its plan. Throws `not-found`, also for what the caller may not see. */
export async function findDeployment(reads: DataSource, who: Identity, id: string): Promise<Deployment> {
  const query = reads.getRepository(Deployment).createQueryBuilder('deployment');
  const row = await query
    .addSelect(['deployment.plan', 'deployment.isUnfinished'])
    .where('deployment.id = :id', { id })
    .getOne();
  if (row === null || (who.workloadIds !== null && !who.workloadIds.includes(row.workloadId)))
    throw notFound('deployment');
  return row;
}

export function deploymentAnswer({
  plan: _plan,
  facts: _facts,
  isUnfinished: _unfinished,
  release,
  ...row
}: Deployment): DeploymentAnswer {
  const { config, faces, env, volumes = [] } = release;
  return {
    ...row,
    release: { ...release, config: maskRefs(config), faces: faces.map(maskFace), env: maskEnv(env), volumes },
  };
}

function stepAnswers({ plan }: Deployment, steps: readonly Step[]): StepAnswer[] {
  const begun = steps.map(({ deploymentId: _id, ordinal: _ordinal, ...step }) => step);
  const names = new Set(begun.map(({ name }) => name));
  const pending = plan.filter((name) => !names.has(name)).map((name) => ({ name, ...PENDING }));
  return [...begun, ...pending];
}

const PENDING = { status: 'pending', attempt: 0, startedAt: null, endedAt: null, facts: {}, error: null };

/** The event holds where in the log the failure stands, not what the container printed. */
async function withLastLines(store: Store, { id, error }: Deployment): Promise<FailureView | null> {
  if (error?.logOffset === undefined) return error;
  const after = Math.max(0, error.logOffset - LAST_LINES - 1);
  const lines = await readLog(store.pool, id, { after, limit: LAST_LINES * 2 });
  return { ...error, lastLines: lines.slice(-LAST_LINES).map(({ line }) => line) };
}

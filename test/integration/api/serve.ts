import { expect } from 'vitest';
import { deployment } from '#domain/deployment';
import { on } from '#store/operation';
import type { Answer, Api } from './fixture.js';

const BY_TEST = { actor: 'system:test', correlationId: 'test' };

/** Plays the worker: claims a waiting deployment and completes the steps, the switch included. */
export async function serve(api: Api, id: string, facts: object = {}): Promise<void> {
  await claim(api, id);
  const complete = (step: string, found: object) =>
    on(deployment, id, { type: 'CompleteStep', step, facts: found as Record<string, unknown> });
  await api.opened.store.commit([complete('pull', facts), complete('route', {})], BY_TEST);
}

/** Claims it and stops there: it is running. */
export async function claim(api: Api, id: string): Promise<void> {
  const steps = ['pull', 'route'];
  const { rows } = await api.opened.store.pool.query<{ current: string | null }>(
    `select w.current_deployment_id as current from view.workload w join view.deployment d on d.workload_id = w.id where d.id = $1`,
    [id],
  );
  const previousDeploymentId = rows[0]?.current ?? null;
  const command = { type: 'ClaimDeployment', steps, commitStep: 'route', owner: 'test', previousDeploymentId } as const;
  await api.opened.store.commit([on(deployment, id, command)], BY_TEST);
}

/** Claims it, and its first step fails for good. */
export async function failDeployment(api: Api, id: string): Promise<void> {
  await claim(api, id);
  const failure = { step: 'pull', code: 'x', class: 'permanent', message: 'x', attempt: 1, logOffset: 1 } as const;
  await api.opened.store.commit(
    [
      on(deployment, id, { type: 'RecordStepFailure', failure, retryAt: null }),
      on(deployment, id, { type: 'FailDeployment' }),
    ],
    BY_TEST,
  );
}

export const digestOf = (n: number): string => `sha256:${String(n).padStart(64, '0')}`;

/** Asks for the n-th version over the API. */
export async function ask(api: Api, workloadId: string, n: number): Promise<string> {
  const answer = await api.call('post', `/api/workloads/${workloadId}/deploy`, { digest: digestOf(n) });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  return (answer.body as Answer)['id'] as string;
}

/** Deploys the n-th version: it serves. */
export async function deployed(api: Api, workloadId: string, n: number): Promise<string> {
  const id = await ask(api, workloadId, n);
  await serve(api, id);
  return id;
}

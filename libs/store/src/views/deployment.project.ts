import type { DeploymentEvent, DeploymentRequest } from '#domain/deployment';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { noteVolumes } from './volume.project.js';
import { insertTogether, remove, update, updateTogether } from './row.js';

export function projectDeployment(event: Projected<DeploymentEvent>): readonly Statement[] {
  const { id, version, at } = event;
  const change = (row: Record<string, unknown>) => update('view.deployment', { id }, { ...row, version });
  const end = (status: string, row: Record<string, unknown> = {}) =>
    change({ status, ended_at: at, is_unfinished: false, retry_at: null, ...row });
  switch (event.type) {
    case 'DeploymentRequested':
      return [
        insertDeployment(event.data, event),
        makePending(event.data.workloadId, id),
        ...noteVolumes(event.data, at),
      ];
    case 'DeploymentStarted':
      return [
        change(startedRow(event.data, at)),
        ofWorkload(id, { running_deployment_id: id }),
        clear(id, 'pending_deployment_id'),
        claimFaces(id),
      ];
    case 'StepStarted':
      return [change({ retry_at: null }), startStep(id, event.data, at)];
    case 'StepCompleted':
      return [completeStep(id, event.data, at), mergeFacts(event, event.data)];
    case 'StepFailed': {
      const { retryAt, ...error } = event.data;
      const status = retryAt === null ? 'failed' : 'retrying';
      return [
        change({ retry_at: retryAt, error }),
        update('view.step', { deployment_id: id, name: error.step }, { status, error, ended_at: at }),
        ...(retryAt === null ? [update('view.deployment', { id, status: 'succeeded' }, { is_unfinished: false })] : []),
      ];
    }
    case 'DeploymentSucceeded':
      return [
        change({ status: 'succeeded', ended_at: at, error: null }),
        makeCurrent(id),
        clear(id, 'running_deployment_id'),
        releaseFacesBefore(id),
      ];
    case 'DeploymentFailed':
      return [end('failed', { error: event.data }), ofWorkload(id, { last_status: 'failed' }), ...letGo(id)];
    case 'DeploymentCancelled':
      return [end('cancelled', { error: { code: 'cancelled', message: event.data.message } }), ...letGo(id)];
    case 'DeploymentSuperseded':
      return [
        end('superseded', { error: { code: 'superseded', message: `Deployment ${event.data.by} is newer.` } }),
        clear(id, 'pending_deployment_id'),
      ];
    case 'DeploymentSkipped':
      return [end('skipped', { error: event.data }), clear(id, 'pending_deployment_id')];
    case 'DeploymentDeferred':
    case 'DeploymentCancelRequested':
    case 'DeploymentRolledBack':
    case 'ReleasePinned':
    case 'ReleaseUnpinned':
    case 'ReleasePruned':
      return [change(columnsOf(event))];
  }
}

/** Those that change columns of their own row alone. */
type PlainEvent = Extract<
  DeploymentEvent,
  {
    type:
      | 'DeploymentDeferred'
      | 'DeploymentCancelRequested'
      | 'DeploymentRolledBack'
      | 'ReleasePinned'
      | 'ReleaseUnpinned'
      | 'ReleasePruned';
  }
>;

function columnsOf(event: Projected<PlainEvent>): Record<string, unknown> {
  switch (event.type) {
    case 'DeploymentDeferred': {
      const { retryAt, ...error } = event.data;
      return { retry_at: retryAt, error };
    }
    case 'DeploymentCancelRequested':
      // Due at once, whatever it waited for.
      return { cancel_requested_at: event.at, retry_at: null };
    case 'DeploymentRolledBack': {
      const { by } = event.data;
      const error = { code: 'rolled-back', message: `Deployment ${by} brought an earlier release back.` };
      return { status: 'rolled_back', rolled_back_by: by, error };
    }
    case 'ReleasePinned':
      return { is_pinned: true };
    case 'ReleaseUnpinned':
      return { is_pinned: false };
    case 'ReleasePruned':
      return { pruned_at: event.at };
  }
}

function startedRow(data: Extract<DeploymentEvent, { type: 'DeploymentStarted' }>['data'], at: string) {
  const { steps, previousDeploymentId, skippedEnv = [] } = data;
  const lists = { plan: JSON.stringify(steps), skipped_env: JSON.stringify(skippedEnv) };
  return { ...lists, status: 'running', previous_deployment_id: previousDeploymentId, started_at: at, error: null };
}

function insertDeployment(
  data: DeploymentRequest,
  event: { id: string; at: string; version: number; correlationId: string },
): Statement {
  const { workloadId, workloadName, sourceKind, node, reason, note, bindingId, deliveryId, release } = data;
  const origin = { restores: data.restores, promoted_from: data.promotedFrom };
  const subject = { id: event.id, workload_id: workloadId, workload_name: workloadName, source_kind: sourceKind, node };
  const cause = { reason, note, binding_id: bindingId, delivery_id: deliveryId, correlation_id: event.correlationId };
  return insertTogether('view.deployment', {
    ...subject,
    ...cause,
    ...origin,
    release,
    status: 'waiting',
    version: event.version,
    requested_at: event.at,
  });
}

/** The workload's row by one of its deployments; its version is its own stream's and stays. */
function ofWorkload(deploymentId: string, row: Record<string, unknown>): Statement {
  const columns = Object.keys(row);
  const assignments = columns.map((column, index) => `${column} = $${index + 2}`).join(', ');
  return {
    text: `update view.workload set ${assignments} where id = (select workload_id from view.deployment where id = $1)`,
    values: [deploymentId, ...columns.map((column) => row[column])],
  };
}

function makePending(workloadId: string, deploymentId: string): Statement {
  return updateTogether('view.workload', workloadId, { pending_deployment_id: deploymentId });
}

function clear(deploymentId: string, column: 'running_deployment_id' | 'pending_deployment_id'): Statement {
  return { text: `update view.workload set ${column} = null where ${column} = $1`, values: [deploymentId] };
}

function letGo(deploymentId: string): readonly Statement[] {
  return [
    clear(deploymentId, 'running_deployment_id'),
    clear(deploymentId, 'pending_deployment_id'),
    remove('view.claim', { deployment_id: deploymentId }),
  ];
}

function claimFaces(deploymentId: string): Statement {
  return {
    text: `insert into view.claim (deployment_id, workload_id, host, path)
      select d.id, d.workload_id, face->>'host', face->>'path'
      from view.deployment d, jsonb_array_elements(d.release->'faces') face where d.id = $1`,
    values: [deploymentId],
  };
}

function releaseFacesBefore(deploymentId: string): Statement {
  return {
    text: `delete from view.claim c using view.deployment d
      where d.id = $1 and c.workload_id = d.workload_id and c.deployment_id <> d.id`,
    values: [deploymentId],
  };
}

function makeCurrent(deploymentId: string): Statement {
  return {
    text: `update view.workload w set current_deployment_id = d.id, current_artifact = d.release->'artifact', last_status = 'succeeded', condition = null
      from view.deployment d where d.id = $1 and w.id = d.workload_id`,
    values: [deploymentId],
  };
}

function startStep(deploymentId: string, { step, attempt }: { step: string; attempt: number }, at: string): Statement {
  return {
    text: `insert into view.step (deployment_id, name, ordinal, status, attempt, started_at)
      values ($1, $2, (select count(*) from view.step where deployment_id = $1), 'running', $3, $4)
      on conflict (deployment_id, name) do update set status = 'running', attempt = $3, ended_at = null`,
    values: [deploymentId, step, attempt, at],
  };
}

function completeStep(deploymentId: string, { step, facts }: { step: string; facts: object }, at: string): Statement {
  return update(
    'view.step',
    { deployment_id: deploymentId, name: step },
    { status: 'completed', facts, error: null, ended_at: at },
  );
}

/** The last step of the plan ends the worker's duty. */
function mergeFacts(
  event: { id: string; version: number },
  { step, facts }: { step: string; facts: object },
): Statement {
  return {
    text: `update view.deployment set facts = facts || $2::jsonb, version = $3,
      is_unfinished = (plan->>-1) is distinct from $4 where id = $1`,
    values: [event.id, JSON.stringify(facts), event.version, step],
  };
}

import { describe, expect, it } from 'vitest';
import { deployment, isUnfinished, type DeploymentCommand, type DeploymentEvent } from '#domain/deployment';
import { fold, given } from '../../support/spec.js';
import { LATER, failure, request } from './samples.js';

const PLAN = ['pull', 'create', 'route', 'drain'];
const claimBy = (owner: string): DeploymentCommand => ({
  type: 'ClaimDeployment',
  steps: PLAN,
  commitStep: 'route',
  owner,
  previousDeploymentId: 'previous',
});
const complete = (step: string, facts = {}): DeploymentCommand => ({ type: 'CompleteStep', step, facts });
const fail = (retryAt: string | null): DeploymentCommand => ({ type: 'RecordStepFailure', failure, retryAt });

const requested: DeploymentEvent = { type: 'DeploymentRequested', data: request };
const started: DeploymentEvent = {
  type: 'DeploymentStarted',
  data: { steps: PLAN, commitStep: 'route', owner: 'w1', previousDeploymentId: 'previous' },
};
const stepStarted = (step: string, attempt = 1): DeploymentEvent => ({ type: 'StepStarted', data: { step, attempt } });
const stepCompleted = (step: string, facts = {}): DeploymentEvent => ({ type: 'StepCompleted', data: { step, facts } });
const stepFailed = (retryAt: string | null): DeploymentEvent => ({ type: 'StepFailed', data: { ...failure, retryAt } });
const succeeded: DeploymentEvent = { type: 'DeploymentSucceeded', data: {} };

const running = [requested, started, stepStarted('pull')];
const atTheSwitch = [
  ...running,
  stepCompleted('pull'),
  stepStarted('create'),
  stepCompleted('create'),
  stepStarted('route'),
];
const switched = [...atTheSwitch, stepCompleted('route'), succeeded, stepStarted('drain')];
const failedForGood = [...running, stepFailed(null)];

describe('asking for a deployment', () => {
  it('records the whole release, so that what runs never depends on what is configured later', () => {
    given(deployment, [])
      .when({ type: 'RequestDeployment', request })
      .then([requested])
      .state({ status: 'waiting', request });
  });

  it('is asked for once: the same request again changes nothing', () => {
    given(deployment, [requested]).when({ type: 'RequestDeployment', request }).then([]);
  });

  it('knows no deployment that nobody asked for', () => {
    given(deployment, []).when(claimBy('w1')).rejects('not-found');
  });
});

describe('claiming', () => {
  it('starts the deployment and its first step in one commit', () => {
    given(deployment, [requested])
      .when(claimBy('w1'))
      .then([started, stepStarted('pull')])
      .state({ status: 'running', current: 'pull' });
  });

  it('by the next worker resumes at the step that was never completed, and counts the attempt', () => {
    given(deployment, [...running, stepCompleted('pull'), stepStarted('create')])
      .when(claimBy('w2'))
      .then([stepStarted('create', 2)]);
  });

  it('resumes the plan of the first claim, whatever the second worker would plan', () => {
    const other: DeploymentCommand = {
      type: 'ClaimDeployment',
      steps: ['other'],
      commitStep: 'other',
      owner: 'w2',
      previousDeploymentId: null,
    };
    given(deployment, running)
      .when(other)
      .then([stepStarted('pull', 2)])
      .state({ steps: PLAN, previousDeploymentId: 'previous' });
  });

  it('after the switch still finishes the steps that are owed', () => {
    given(deployment, switched)
      .when(claimBy('w2'))
      .then([stepStarted('drain', 2)]);
  });

  it('finds nothing to do once every step is completed', () => {
    given(deployment, [...switched, stepCompleted('drain')])
      .when(claimBy('w2'))
      .then([]);
  });

  it('starts no step when one has failed for good: the undo comes first', () => {
    given(deployment, failedForGood).when(claimBy('w2')).then([]);
  });
});

describe('completing a step', () => {
  it('starts the next one in the same commit', () => {
    given(deployment, running)
      .when(complete('pull', { imageId: 'i1' }))
      .then([stepCompleted('pull', { imageId: 'i1' }), stepStarted('create')])
      .state({
        completed: ['pull'],
        current: 'create',
        facts: { imageId: 'i1' },
      });
  });

  it('adds its facts to those before', () => {
    given(deployment, [...running, stepCompleted('pull', { a: 1, b: 1 }), stepStarted('create')])
      .when(complete('create', { b: 2 }))
      .state({ facts: { a: 1, b: 2 } });
  });

  it('at the switch is the success, and the clean-up goes on', () => {
    given(deployment, atTheSwitch)
      .when(complete('route'))
      .then([stepCompleted('route'), succeeded, stepStarted('drain')])
      .state({ status: 'succeeded' });
  });

  it('at the end starts nothing', () => {
    given(deployment, switched)
      .when(complete('drain'))
      .then([stepCompleted('drain')])
      .state({ current: null });
  });

  it('does not count for a step that is not the current one', () => {
    given(deployment, running).when(complete('route')).then([]);
  });

  it('comes too late once the step was given up: nothing may succeed while its undo is owed', () => {
    given(deployment, [...atTheSwitch, stepFailed(null)])
      .when(complete('route'))
      .then([]);
  });
});

describe('a step that fails', () => {
  it('to be tried again leaves the deployment running', () => {
    given(deployment, running)
      .when(fail(LATER))
      .then([stepFailed(LATER)])
      .state({ status: 'running', failure: null, current: 'pull' });
  });

  it('and was tried again carries the next attempt', () => {
    given(deployment, [...running, stepFailed(LATER)])
      .when(claimBy('w1'))
      .then([stepStarted('pull', 2)]);
  });

  it('for good owes an undo, and is failed only after it', () => {
    given(deployment, running)
      .when(fail(null))
      .then([stepFailed(null)])
      .state({ status: 'running' });
    given(deployment, failedForGood)
      .when({ type: 'FailDeployment' })
      .then([{ type: 'DeploymentFailed', data: { ...failure, retryAt: null } as never }])
      .state({ status: 'failed' });
  });

  it('for good is recorded once', () => {
    given(deployment, failedForGood).when(fail(null)).then([]);
  });

  it('after the switch never makes the deployment a failed one: failed means the switch never happened', () => {
    const leftover = [...switched, stepFailed(null)];
    given(deployment, leftover).when({ type: 'FailDeployment' }).then([]).state({ status: 'succeeded' });
    expect(isUnfinished(fold(deployment, leftover))).toBe(false);
  });

  it('is needed to fail a deployment', () => {
    given(deployment, running).when({ type: 'FailDeployment' }).then([]);
  });
});

describe('a waiting deployment', () => {
  it('gives way to a newer one', () => {
    given(deployment, [requested])
      .when({ type: 'SupersedeDeployment', by: 'newer' })
      .then([{ type: 'DeploymentSuperseded', data: { by: 'newer' } }])
      .state({ status: 'superseded' });
  });

  it('is skipped with a reason', () => {
    given(deployment, [requested])
      .when({ type: 'SkipDeployment', code: 'held', message: 'the workload is held' })
      .then([{ type: 'DeploymentSkipped', data: { code: 'held', message: 'the workload is held' } }])
      .state({ status: 'skipped' });
  });

  it('is put off with a reason and an instant, and counts', () => {
    const put: DeploymentCommand = { type: 'DeferDeployment', code: 'registry-busy', message: '429', retryAt: LATER };
    const deferred = {
      type: 'DeploymentDeferred',
      data: { code: 'registry-busy', message: '429', attempt: 1, retryAt: LATER },
    } as const;
    given(deployment, [requested]).when(put).then([deferred]).state({ status: 'waiting', attempt: 1 });
    given(deployment, [requested, deferred]).when(put).state({ attempt: 2 });
    given(deployment, [requested, deferred])
      .when(claimBy('w1'))
      .then([started, stepStarted('pull')]);
    given(deployment, running).when(put).then([]);
  });

  it('that cannot even be planned is rejected, and is never started', () => {
    const why = { code: 'secret-unreadable', message: 'KEY cannot be decrypted', class: 'operator' } as const;
    const rejected: DeploymentEvent = {
      type: 'DeploymentFailed',
      data: { step: 'claim', ...why, attempt: 1, logOffset: 1 },
    };
    given(deployment, [requested])
      .when({ type: 'RejectDeployment', ...why })
      .then([rejected])
      .state({ status: 'failed' });
    given(deployment, [requested, rejected]).when(claimBy('w1')).then([]);
    given(deployment, running)
      .when({ type: 'RejectDeployment', ...why })
      .then([]);
  });

  it('has no step that could fail', () => {
    given(deployment, [requested]).when(fail(null)).then([]);
  });

  it('once running is neither superseded nor skipped', () => {
    given(deployment, running).when({ type: 'SupersedeDeployment', by: 'newer' }).then([]);
    given(deployment, running).when({ type: 'SkipDeployment', code: 'held', message: 'no' }).then([]);
  });

  it('once superseded cannot be claimed', () => {
    given(deployment, [requested, { type: 'DeploymentSuperseded', data: { by: 'newer' } }])
      .when(claimBy('w1'))
      .then([]);
  });
});

describe('cancelling', () => {
  const cancel: DeploymentCommand = { type: 'CancelDeployment', message: 'The workload was deleted.' };
  const cancelled: DeploymentEvent = { type: 'DeploymentCancelled', data: { message: 'The workload was deleted.' } };

  it('ends it before the switch', () => {
    given(deployment, [requested]).when(cancel).then([cancelled]).state({ status: 'cancelled' });
    given(deployment, running).when(cancel).then([cancelled]).state({ status: 'cancelled', current: null });
  });

  it('comes too late after the switch', () => {
    given(deployment, switched).when(cancel).then([]);
  });

  it('leaves nothing to complete, to fail or to claim', () => {
    given(deployment, [...running, cancelled])
      .when(complete('pull'))
      .then([]);
    given(deployment, [...running, cancelled])
      .when(fail(null))
      .then([]);
    given(deployment, [...running, cancelled])
      .when(claimBy('w2'))
      .then([]);
    given(deployment, [...running, cancelled])
      .when(cancel)
      .then([]);
  });
});

describe('rolling back', () => {
  const rolledBack: DeploymentEvent = { type: 'DeploymentRolledBack', data: { by: 'newer' } };
  const restoring = { ...request, restores: 'older' };
  const row = (pruned_at: Date | null) => ({ restored: { version: 9, pruned_at } });

  it('names the deployment that did it', () => {
    given(deployment, [...switched, stepCompleted('drain')])
      .when({ type: 'RollBackDeployment', by: 'newer' })
      .then([rolledBack])
      .state({ status: 'rolled_back' });
  });

  it.each([
    ['what is already rolled back', [...switched, rolledBack]],
    ['what never served', failedForGood],
    ['what is on its way', running],
  ])('changes nothing about %s', (_what, events) => {
    given(deployment, events).when({ type: 'RollBackDeployment', by: 'newer' }).then([]);
  });

  it('brings back a release that is kept, and refuses one that was pruned meanwhile', () => {
    const command: DeploymentCommand = { type: 'RequestDeployment', request: restoring };
    given(deployment, [])
      .when(command, row(null))
      .then([{ type: 'DeploymentRequested', data: restoring }]);
    given(deployment, [])
      .when(command, row(new Date(0)))
      .rejects('release-pruned');
  });

  it('owes no step to a release that was rolled away from', () => {
    expect(isUnfinished(fold(deployment, [...switched, rolledBack]))).toBe(false);
  });
});

describe('keeping a release', () => {
  const done = [...switched, stepCompleted('drain')];
  const pinned: DeploymentEvent = { type: 'ReleasePinned', data: {} };
  const unpinned: DeploymentEvent = { type: 'ReleaseUnpinned', data: {} };
  const pruned: DeploymentEvent = { type: 'ReleasePruned', data: {} };

  it('is pinned and unpinned, once each', () => {
    given(deployment, done).when({ type: 'PinRelease' }).then([pinned]).state({ isPinned: true });
    given(deployment, [...done, pinned])
      .when({ type: 'PinRelease' })
      .then([]);
    given(deployment, [...done, pinned])
      .when({ type: 'UnpinRelease' })
      .then([unpinned])
      .state({ isPinned: false });
    given(deployment, done).when({ type: 'UnpinRelease' }).then([]);
  });

  it('is pruned once, unless it was pinned in time', () => {
    given(deployment, done).when({ type: 'PruneRelease' }).then([pruned]).state({ isPruned: true });
    given(deployment, [...done, pruned])
      .when({ type: 'PruneRelease' })
      .then([]);
    given(deployment, [...done, pinned])
      .when({ type: 'PruneRelease' })
      .then([]);
    given(deployment, [...done, pruned])
      .when({ type: 'PinRelease' })
      .rejects('release-pruned');
  });

  it('is no matter for what never served', () => {
    given(deployment, failedForGood).when({ type: 'PinRelease' }).rejects('never-succeeded');
    given(deployment, running).when({ type: 'PinRelease' }).rejects('never-succeeded');
    given(deployment, failedForGood).when({ type: 'PruneRelease' }).then([]);
  });
});

describe('asking for an end', () => {
  const ask: DeploymentCommand = { type: 'RequestCancel', message: 'not this one' };
  const asked: DeploymentEvent = {
    type: 'DeploymentCancelRequested',
    data: { message: 'not this one', node: 'default' },
  };
  const cancelled: DeploymentEvent = { type: 'DeploymentCancelled', data: { message: 'not this one' } };

  it('of a waiting one ends it at once', () => {
    given(deployment, [requested]).when(ask).then([cancelled]).state({ status: 'cancelled' });
  });

  it('of a running one is recorded for its holder, once', () => {
    given(deployment, running)
      .when(ask)
      .then([asked])
      .state({ status: 'running', cancel: { message: 'not this one' } });
    given(deployment, [...running, asked])
      .when(ask)
      .then([]);
  });

  it('lets the step at hand end with its facts, and starts no other', () => {
    given(deployment, [...running, asked])
      .when(complete('pull', { imageId: 'i1' }))
      .then([stepCompleted('pull', { imageId: 'i1' })])
      .state({ current: null, completed: ['pull'], facts: { imageId: 'i1' } });
  });

  it('leaves only the undo to whoever comes next: nothing is claimed, nothing fails', () => {
    given(deployment, [...running, asked])
      .when(claimBy('w2'))
      .then([]);
    given(deployment, [...running, asked])
      .when(fail(null))
      .then([]);
    given(deployment, [...running, asked])
      .when({ type: 'CancelDeployment', message: 'not this one' })
      .then([cancelled])
      .state({ status: 'cancelled' });
  });

  it('comes too late once the switch has begun', () => {
    given(deployment, atTheSwitch).when(ask).rejects('already-switched');
    given(deployment, switched).when(ask).rejects('already-switched');
    given(deployment, [...switched, stepCompleted('drain')])
      .when(ask)
      .rejects('already-switched');
  });

  it('one step before the switch keeps it from being begun', () => {
    const before = atTheSwitch.slice(0, -2);
    given(deployment, [...before, asked])
      .when(complete('create'))
      .then([stepCompleted('create')]);
  });

  it('of one that is being undone already changes nothing: it ends as failed', () => {
    given(deployment, failedForGood).when(ask).then([]);
  });

  it('of one that has ended says how it ended; of a cancelled one it is already so', () => {
    given(deployment, [requested, cancelled]).when(ask).then([]);
    given(deployment, [...failedForGood, { type: 'DeploymentFailed', data: failure }])
      .when(ask)
      .rejects('already-ended');
    given(deployment, [requested, { type: 'DeploymentSuperseded', data: { by: 'newer' } }])
      .when(ask)
      .rejects('already-ended');
    given(deployment, [requested, { type: 'DeploymentFailed', data: failure }])
      .when(ask)
      .rejects('already-ended');
  });

  it('by a newer request ends a running one only where the policy is to cancel, and never at its switch', () => {
    const newer: DeploymentCommand = { type: 'SupersedeDeployment', by: 'newer', cancelsRunning: true };
    given(deployment, running)
      .when(newer)
      .state({ cancel: { message: 'Deployment newer is newer, and the policy is to cancel what runs.' } });
    given(deployment, [requested])
      .when(newer)
      .then([{ type: 'DeploymentSuperseded', data: { by: 'newer' } }]);
    given(deployment, atTheSwitch).when(newer).then([]);
    given(deployment, switched).when(newer).then([]);
    given(deployment, [...failedForGood, { type: 'DeploymentFailed', data: failure }])
      .when(newer)
      .then([]);
  });
});

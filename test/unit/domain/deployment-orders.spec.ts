import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deployment, isUnfinished, type DeploymentCommand, type DeploymentEvent } from '#domain/deployment';
import { fold, play } from '../../support/spec.js';
import { LATER, failure, request } from './samples.js';

const PLAN = ['pull', 'create', 'route', 'drain'];
/** The ends that a deployment comes to without its switch. */
const ENDS = ['DeploymentFailed', 'DeploymentCancelled', 'DeploymentSuperseded', 'DeploymentSkipped'];
const claimBy = (owner: string): DeploymentCommand => ({
  type: 'ClaimDeployment',
  steps: PLAN,
  commitStep: 'route',
  owner,
  previousDeploymentId: null,
});
const complete = (step: string): DeploymentCommand => ({ type: 'CompleteStep', step, facts: {} });
const fail = (retryAt: string | null): DeploymentCommand => ({ type: 'RecordStepFailure', failure, retryAt });

describe('a deployment, whatever order the commands come in', () => {
  const anyCommand: fc.Arbitrary<DeploymentCommand> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(...PLAN).map((step) => complete(step)),
    },
    { weight: 2, arbitrary: fc.constantFrom('w1', 'w2').map(claimBy) },
    { weight: 1, arbitrary: fc.constantFrom(fail(null), fail(LATER)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<DeploymentCommand>(
        { type: 'RequestDeployment', request },
        { type: 'FailDeployment' },
        { type: 'CancelDeployment', message: 'm' },
        { type: 'RequestCancel', message: 'm' },
        { type: 'DeferDeployment', code: 'c', message: 'm', retryAt: LATER },
        { type: 'RejectDeployment', code: 'c', message: 'm', class: 'operator' },
        { type: 'SupersedeDeployment', by: 'newer' },
        { type: 'SkipDeployment', code: 'held', message: 'held' },
      ),
    },
  );
  /** Mostly the way a worker goes, with strangers thrown in: so that the deep states are reached too. */
  const anyStory = fc
    .tuple(fc.nat(PLAN.length), fc.array(fc.tuple(fc.nat(8), anyCommand), { maxLength: 12 }))
    .map(([depth, strangers]) => {
      const story = [
        { type: 'RequestDeployment', request } as DeploymentCommand,
        claimBy('w1'),
        ...PLAN.slice(0, depth).map((step) => complete(step)),
      ];
      strangers.forEach(([position, command]) => story.splice(Math.min(position, story.length), 0, command));
      return story;
    });
  const always = (holds: (events: readonly DeploymentEvent[]) => void): void =>
    fc.assert(
      fc.property(anyStory, (story) => holds(play(deployment, story).events)),
      { numRuns: 500 },
    );

  it('it succeeds at most once, with the commit step, and never both succeeds and fails', () => {
    always((events) => {
      const ends = events.filter(({ type }) => type === 'DeploymentSucceeded' || type === 'DeploymentFailed');
      expect(ends.length).toBeLessThanOrEqual(1);
      const at = events.findIndex(({ type }) => type === 'DeploymentSucceeded');
      if (at >= 0) expect(events[at - 1]).toEqual({ type: 'StepCompleted', data: { step: 'route', facts: {} } });
    });
  });

  it('no step is completed unless it was the last one started', () => {
    always((events) => {
      let current: string | null = null;
      for (const event of events) {
        if (event.type === 'StepStarted') current = event.data.step;
        if (event.type !== 'StepCompleted') continue;
        expect(event.data.step).toBe(current);
        current = null;
      }
    });
  });

  it('the steps are completed in the order of the plan, each once', () => {
    always((events) => {
      const completed = events.flatMap((event) => (event.type === 'StepCompleted' ? [event.data.step] : []));
      expect(completed).toEqual(PLAN.slice(0, completed.length));
    });
  });

  it('attempts at a step count 1, 2, 3, …', () => {
    always((events) => {
      const attempts: Record<string, number> = {};
      for (const event of events) {
        if (event.type !== 'StepStarted') continue;
        const { step, attempt } = event.data;
        expect(attempt).toBe((attempts[step] ?? 0) + 1);
        attempts[step] = attempt;
      }
    });
  });

  it('nothing but an end follows a step that failed for good', () => {
    always((events) => {
      const at = events.findIndex((event) => event.type === 'StepFailed' && event.data.retryAt === null);
      if (at >= 0) expect(events.slice(at + 1).filter(({ type }) => !ENDS.includes(type))).toEqual([]);
    });
  });

  it('nothing follows an end before the switch', () => {
    always((events) => {
      const at = events.findIndex(({ type }) => ENDS.includes(type));
      if (at >= 0) expect(at).toBe(events.length - 1);
    });
  });

  it('a worker can always bring it to an end', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const whole = [...story, { type: 'RequestDeployment', request } as DeploymentCommand];
        let { state } = play(deployment, whole);
        for (let turn = 0; isUnfinished(state) && turn < 10; turn += 1) {
          const command = state.failure
            ? ({ type: 'FailDeployment' } as const)
            : state.cancel && state.status === 'running'
              ? ({ type: 'CancelDeployment', message: state.cancel.message } as const)
              : state.current
                ? complete(state.current)
                : claimBy('w3');
          state = fold(deployment, deployment.decide(command, state, {}), state);
        }
        expect(isUnfinished(state)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

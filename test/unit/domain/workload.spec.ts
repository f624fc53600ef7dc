import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { workload, type WorkloadCommand, type WorkloadEvent } from '#domain/workload';
import { Rejection } from '#domain/errors';
import { given } from '../../support/spec.js';
import { AT, LATER, PARENT, SAMPLES, WORKLOAD, secretRef, shop } from './samples.js';

const { id, name, sourceKind, node, ...settings } = shop;
const create = (changes: object = {}): WorkloadCommand => ({
  type: 'CreateWorkload',
  id,
  name,
  sourceKind,
  node,
  faces: [],
  settings,
  ...changes,
});
const created = SAMPLES.WorkloadCreated;
const deleted: WorkloadEvent = { type: 'WorkloadDeleted', data: { node: 'default' } };
const tornDown: WorkloadEvent = { type: 'WorkloadTornDown', data: {} };
const face = { host: 'shop.example.org', path: '/', port: null };

describe('creating a workload', () => {
  it('records what runs, where, and by which rules', () => {
    given(workload, [])
      .when(create())
      .then([created])
      .state({ status: 'present', id: WORKLOAD, name: 'shop', hold: null });
  });

  it('records its faces as an event of their own', () => {
    given(workload, [])
      .when(create({ faces: [face] }))
      .then([created, { type: 'FacesSet', data: { faces: [face] } }])
      .state({ faces: [face] });
  });

  it('twice is once', () => {
    given(workload, [created])
      .when(create({ name: 'other' }))
      .then([]);
  });

  it('names the face that is wrong', () => {
    given(workload, [])
      .when(create({ faces: [face, { host: 'no host', path: '/', port: null }] }))
      .rejects('invalid-face', ['/faces/1/host']);
  });
});

describe('a workload name', () => {
  const isLabel = (text: string): boolean =>
    text.length >= 1 &&
    text.length <= 63 &&
    [...text].every((character) => 'abcdefghijklmnopqrstuvwxyz0123456789-'.includes(character)) &&
    !text.startsWith('-') &&
    !text.endsWith('-');
  const isTaken = (text: string): boolean => {
    try {
      return workload.decide(create({ name: text }), workload.initial, {}).length === 1;
    } catch (error) {
      expect(error).toBeInstanceOf(Rejection);
      expect((error as Rejection).code).toBe('invalid-name');
      return false;
    }
  };

  it('is a DNS label and nothing else', () => {
    const nearLabels = fc.string({
      unit: fc.constantFrom('a', 'z', '0', '9', '-', 'A', '.', '_', '\n', 'ä'),
      maxLength: 66,
    });
    const labels = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearLabels, labels), (text) => {
        expect(isTaken(text)).toBe(isLabel(text));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['a', '0', 'a-b', 'a'.repeat(63)])('may be %s', (text) => expect(isTaken(text)).toBe(true));
  it.each(['', '-', '-a', 'a-', 'A', 'a.b', 'a_b', 'a b', 'a\n', 'é', 'a'.repeat(64), '../etc', '$(id)'])(
    'may not be %j',
    (text) => expect(isTaken(text)).toBe(false),
  );
});

describe('changing a workload', () => {
  it('records only what differs', () => {
    given(workload, [created])
      .when({ type: 'ChangeWorkload', changes: { title: 'The shop', stage: null, parentId: PARENT } })
      .then([{ type: 'WorkloadChanged', data: { title: 'The shop', parentId: PARENT } }])
      .state({ title: 'The shop', parentId: PARENT, sourceConfig: shop.sourceConfig });
  });

  it('to what it is already records nothing', () => {
    given(workload, [created])
      .when({ type: 'ChangeWorkload', changes: { ...settings }, faces: [] })
      .then([]);
  });

  it('leaves alone what is not named', () => {
    given(workload, [created])
      .when({ type: 'ChangeWorkload', changes: { title: undefined } })
      .then([]);
  });

  it('replaces the source config whole', () => {
    given(workload, [created])
      .when({ type: 'ChangeWorkload', changes: { sourceConfig: { image: 'acme/other' } } })
      .state({ sourceConfig: { image: 'acme/other' } });
  });

  it('sets the faces as a whole, and compares them as they are stored', () => {
    const set: WorkloadEvent = { type: 'FacesSet', data: { faces: [face] } };
    given(workload, [created])
      .when({ type: 'ChangeWorkload', changes: {}, faces: [face] })
      .then([set]);
    given(workload, [created, set])
      .when({ type: 'ChangeWorkload', changes: {}, faces: [{ ...face, host: 'SHOP.example.org' }] })
      .then([]);
    given(workload, [created, set])
      .when({ type: 'ChangeWorkload', changes: {}, faces: [] })
      .then([{ type: 'FacesSet', data: { faces: [] } }]);
  });

  it('needs a workload', () => {
    given(workload, []).when({ type: 'ChangeWorkload', changes: {} }).rejects('not-found');
  });
});

describe('environment', () => {
  const env = { MODE: { value: 'live', optional: false }, KEY: { secret: secretRef('key'), optional: true } };
  const set: WorkloadEvent = { type: 'EnvSet', data: { env } };

  it('is set whole, secrets by reference', () => {
    given(workload, [created]).when({ type: 'SetEnv', env }).then([set]).state({ env });
  });

  it('set to what it is records nothing', () => {
    given(workload, [created, set]).when({ type: 'SetEnv', env }).then([]);
  });

  it('loses one variable and keeps the others', () => {
    given(workload, [created, set])
      .when({ type: 'UnsetEnv', key: 'MODE' })
      .then([{ type: 'EnvUnset', data: { key: 'MODE' } }])
      .state({ env: { KEY: env.KEY } });
  });

  it.each(['NOT_THERE', 'toString', '__proto__'])('has no %s to lose', (key) => {
    given(workload, [created, set]).when({ type: 'UnsetEnv', key }).then([]);
  });
});

describe('a hold', () => {
  const held: WorkloadEvent = { type: 'HoldSet', data: { reason: 'rolled back', since: AT } };

  it('carries its reason and since when', () => {
    given(workload, [created])
      .when({ type: 'SetHold', reason: 'rolled back', at: AT })
      .then([held])
      .state({ hold: { reason: 'rolled back', since: AT } });
  });

  it('for the same reason keeps its first instant', () => {
    given(workload, [created, held]).when({ type: 'SetHold', reason: 'rolled back', at: LATER }).then([]);
  });

  it('for another reason is another hold', () => {
    given(workload, [created, held])
      .when({ type: 'SetHold', reason: 'paused', at: LATER })
      .then([{ type: 'HoldSet', data: { reason: 'paused', since: LATER } }]);
  });

  it('is released by hand, once', () => {
    given(workload, [created, held])
      .when({ type: 'ReleaseHold' })
      .then([{ type: 'HoldReleased', data: {} }])
      .state({ hold: null });
    given(workload, [created]).when({ type: 'ReleaseHold' }).then([]);
  });
});

describe('deleting a workload', () => {
  it('names the node that has to tear it down', () => {
    given(workload, [created])
      .when({ type: 'DeleteWorkload', children: [] })
      .then([deleted])
      .state({ status: 'deleting' });
  });

  it('is refused while it has children', () => {
    given(workload, [created])
      .when({ type: 'DeleteWorkload', children: ['shop-staging'] })
      .rejects('workload-has-children');
  });

  it('twice is once', () => {
    given(workload, [created, deleted]).when({ type: 'DeleteWorkload', children: [] }).then([]);
  });

  it('lets nothing else be changed meanwhile', () => {
    given(workload, [created, deleted])
      .when({ type: 'ChangeWorkload', changes: { title: 'x' } })
      .rejects('workload-deleting');
    given(workload, [created, deleted]).when({ type: 'SetHold', reason: 'x', at: AT }).rejects('workload-deleting');
  });

  it('keeps the name and the hosts until it is torn down', () => {
    const faces: WorkloadEvent = { type: 'FacesSet', data: { faces: [face] } };
    given(workload, [created, faces, deleted]).state({ name: 'shop', faces: [face] });
    given(workload, [created, faces, deleted])
      .when({ type: 'RecordTornDown' })
      .then([tornDown])
      .state({ status: 'gone', faces: [] });
  });

  it('is torn down once, and only when it was deleted', () => {
    given(workload, [created]).when({ type: 'RecordTornDown' }).then([]);
    given(workload, [created, deleted, tornDown]).when({ type: 'RecordTornDown' }).then([]);
  });

  it('leaves nothing to change', () => {
    given(workload, [created, deleted, tornDown]).when({ type: 'ReleaseHold' }).rejects('not-found');
    given(workload, [created, deleted, tornDown]).when({ type: 'DeleteWorkload', children: [] }).rejects('not-found');
  });
});

describe('stopping and starting', () => {
  const stop = (during: readonly string[] = []): WorkloadCommand => ({ type: 'StopWorkload', during, reason: null });
  const start: WorkloadCommand = { type: 'StartWorkload', reason: null };
  const stopped = (during: readonly string[] = []): WorkloadEvent => ({
    type: 'WorkloadStopped',
    data: { node: 'default', during, reason: null },
  });
  const started = (deploymentId: string | null = null): WorkloadEvent => ({
    type: 'WorkloadStarted',
    data: { node: 'default', deploymentId, reason: null },
  });
  const reached = (runState: 'running' | 'stopped'): WorkloadEvent => ({ type: 'RunStateReached', data: { runState } });
  const failure = { step: 'wait-healthy', code: 'not-healthy', message: 'no answer' };

  it('is wanted at once, and owed until a worker has carried it out', () => {
    given(workload, [created]).when(stop()).then([stopped()]).state({ runState: 'stopped', isRunStateReached: false });
    given(workload, [created, stopped()])
      .when({ type: 'ReachRunState', runState: 'stopped' })
      .then([reached('stopped')])
      .state({ isRunStateReached: true });
  });

  it('twice is once', () => {
    given(workload, [created, stopped(), reached('stopped')])
      .when(stop())
      .then([]);
    given(workload, [created]).when(start).then([]);
    given(workload, [created, stopped(), started()]).when(start).then([]);
  });

  it('what was carried out too late is not what is wanted by now', () => {
    given(workload, [created, stopped(), started()]).when({ type: 'ReachRunState', runState: 'stopped' }).then([]);
    given(workload, [created, stopped(), started(), stopped()]).when({ type: 'FailStart', failure }).then([]);
  });

  it('a start that failed leaves it stopped, and it can be started again', () => {
    given(workload, [created, stopped(), reached('stopped'), started()])
      .when({ type: 'FailStart', failure })
      .then([{ type: 'WorkloadStartFailed', data: failure }])
      .state({ runState: 'stopped', isRunStateReached: true });
    given(workload, [created, stopped(), started(), { type: 'WorkloadStartFailed', data: failure }])
      .when(start)
      .then([started()]);
  });

  it('a deployment that has switched starts it, and leaves nothing to a worker', () => {
    given(workload, [created, stopped(), reached('stopped')])
      .when({ type: 'StartByDeployment', deploymentId: 'd1' })
      .then([started('d1')])
      .state({ runState: 'running', isRunStateReached: true });
    given(workload, [created]).when({ type: 'StartByDeployment', deploymentId: 'd1' }).then([]);
  });

  it('a deployment that the stop came upon does not start it, not even when it was stopped before', () => {
    given(workload, [created, stopped(['d1'])])
      .when({ type: 'StartByDeployment', deploymentId: 'd1' })
      .then([]);
    given(workload, [created, stopped(), reached('stopped')])
      .when(stop(['d1']))
      .then([stopped(['d1'])])
      .state({ isRunStateReached: false });
    given(workload, [created, stopped(['d1'])])
      .when({ type: 'StartByDeployment', deploymentId: 'd2' })
      .then([started('d2')]);
  });

  it('is refused for one that is being deleted', () => {
    given(workload, [created, deleted]).when(stop()).rejects('workload-deleting');
    given(workload, [created, deleted]).when(start).rejects('workload-deleting');
  });
});

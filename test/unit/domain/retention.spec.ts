import { describe, it } from 'vitest';
import { retention } from '#domain/retention';
import { given } from '../../support/spec.js';
import { DELIVERY, DEPLOYMENT, SAMPLES } from './samples.js';

describe('history that goes', () => {
  const prune = { type: 'PruneLog', deliveryIds: [DELIVERY], deploymentIds: [DEPLOYMENT] } as const;

  it('leaves that it went, once', () => {
    given(retention, []).when(prune).then([SAMPLES.LogPruned]);
    given(retention, [SAMPLES.LogPruned as never])
      .when(prune)
      .then([]);
  });

  it('is nothing to tell when there is none', () => {
    given(retention, [])
      .when({ ...prune, deliveryIds: [], deploymentIds: [] })
      .then([]);
  });
});

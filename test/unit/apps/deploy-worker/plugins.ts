import type { Candidate, Trigger } from '#plugins/trigger';
import { registry } from '#plugins/triggers/registry/registry';
import type { BoundWorkload } from '#domain/bound-workload';
import { crateSource } from '../../../support/crate.js';

export const crate = crateSource();

/** A trigger with a bug. */
export const broken: Trigger = {
  kind: 'broken',
  title: 'Broken',
  config: class {},
  sample: {},
  accepts: ['image-push'],
  webhookByDefault: true,
  match(candidates: readonly Candidate[]): never {
    throw new TypeError(`cannot read\n${candidates.length} candidates`);
  },
};

export const PLUGINS = { sources: [crate], triggers: [registry, broken] } as const;

export function bound(changes: Partial<BoundWorkload> = {}): BoundWorkload {
  return {
    bindingId: 'b1',
    bindingVersion: 1,
    override: {},
    last: null,
    workloadId: 'w1',
    workloadVersion: 1,
    workloadName: 'shop',
    sourceKind: 'crate',
    sourceConfig: { image: 'depot.test/crate' },
    faces: [],
    env: {},
    envVersion: 0,
    volumes: [],
    node: 'default',
    hold: null,
    runState: 'running',
    lifecycle: 'present',
    waitingId: null,
    runningId: null,
    onNewer: 'queue',
    ...changes,
  };
}

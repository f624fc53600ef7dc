import { IsString } from 'class-validator';
import type { Candidate, Trigger } from '#plugins/trigger';
import type { Artifact, Ref, Source } from '#plugins/source';
import { registry } from '#plugins/triggers/registry/registry';
import type { BoundWorkload } from '../../../../apps/deploy-worker/src/fan-out/judge.js';

export class CrateConfig {
  @IsString()
  image: string = 'depot.test/crate';
}

/** A source that needs no Docker: it takes pushes of its own image. */
export const crate: Source<CrateConfig> = {
  kind: 'crate',
  title: 'Crate',
  config: CrateConfig,
  sample: new CrateConfig(),
  own: ({ image }) => ({ image, repo: null }),
  reference({ image: asked }, { image }) {
    if (asked?.repository !== undefined && asked.repository !== image) return { skip: 'other-repository', reason: `This workload runs ${image}.` };
    const [host = '', ...path] = image.split('/');
    const tag = asked?.tag ?? 'latest';
    return { kind: 'crate', key: `${image}:${tag}`, host, repository: path.join('/'), tag, digest: asked?.digest ?? null, registryName: null, remote: true };
  },
  resolve: async ({ kind, host, repository, tag }: Ref): Promise<Artifact> => ({ kind, repository: `${host}/${repository}`, tag, digest: null }),
  plan: () => ({ steps: [], downtime: { class: 'none', reasons: [] } }),
  observe: () => ({ state: 'running', detail: '' }),
  teardown: () => [],
};

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
    node: 'default',
    hold: null,
    runState: 'running',
    lifecycle: 'present',
    pendingDeploymentId: null,
    ...changes,
  };
}

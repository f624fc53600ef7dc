import { randomUUID } from 'node:crypto';
import { SOURCES } from '#plugins/sources/sources';
import { checkConfig } from '#plugins/config';
import type { Release } from '#plugins/source';
import type { Volume } from '#domain/volume';
import { MOMENTS } from '../../../apps/deploy-worker/src/failpoint.js';

/** What the workloads of the fault world are made of. */
const PLAIN = { image: 'r', port: 8080, drainSeconds: 1, stopTimeoutSeconds: 1 };

/** What brings steps into a plan that a plain one has not. */
export const FULL = {
  sourceConfig: { hooks: { preDeploy: ['true'] } },
  volumes: [{ scope: 'project_named', source: 'data', target: '/data', readOnly: false }],
} as const;

/** Every step of a plan with a release before it: a step that is added gets its crash tests by itself. */
export function stepNames(): readonly string[] {
  return namesOf({});
}

/** Steps that only some plans have. */
export function optionalSteps(): readonly string[] {
  const plain = stepNames();
  return namesOf(FULL).filter((name) => !plain.includes(name));
}

function namesOf({
  sourceConfig = {},
  volumes = [],
}: {
  readonly sourceConfig?: object;
  readonly volumes?: readonly Volume[];
}): readonly string[] {
  const source = SOURCES.find(({ kind }) => kind === 'image')!;
  const artifact = { kind: 'image' as const, repository: 'r', tag: 't', digest: 'd' };
  const faces = [{ host: 'a.test', path: '/', port: null }];
  const ids = { workloadId: randomUUID(), workloadName: 'w' };
  const config = checkConfig(source.config, { ...PLAIN, ...sourceConfig }).value;
  const release = (): Release => ({ ...ids, deploymentId: randomUUID(), artifact, config, faces, env: {}, volumes });
  return source.plan(release(), release()).steps.map(({ name }) => name);
}

/** Before and after every step, and around the claim and the letting go. */
export const DEPLOY_POINTS = [...stepNames(), 'claim', 'release'].flatMap((point) =>
  MOMENTS.map((moment) => ({ point, moment })),
);

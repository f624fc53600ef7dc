import { cautionsOf } from '../../cautions.js';
import { observeContainers } from '../../observe-containers.js';
import { layoutOf } from '../../routing/port-groups.js';
import type { Plan, Release, Source, Step } from '../../source.js';
import { createStep } from '../../steps/create.js';
import { drainStep } from '../../steps/drain.js';
import { removeAllStep, retireStep } from '../../steps/retire.js';
import { routeStep, unrouteStep } from '../../steps/route.js';
import { startStep } from '../../steps/start.js';
import { restStep, startAgainStep, stopStep } from '../../steps/stop.js';
import { waitHealthyStep } from '../../steps/wait-healthy.js';
import { buildStep } from './build.js';
import { sample, StaticConfig } from './config.dto.js';
import { fetchStep } from './fetch.js';
import { KIND, own, reference, resolve } from './reference.js';
import { containerOf, healthOf, PORT, UPSTREAM } from './serve.js';
import { siteVolumesStep, storageOf } from './storage.js';
import { notedAsFailed, notedAsSynced, noteStep } from './sync-state.js';

/** From SIGTERM to SIGKILL, once its requests had `drainSeconds` to end. */
const STOP_SECONDS = 5;
const TIMES = { stopTimeoutSeconds: STOP_SECONDS };

/** The files of a Git repository at one commit, as an image of their own, blue-green behind their faces. */
export const staticSite: Source<StaticConfig> = {
  kind: KIND,
  title: 'Static site',
  config: StaticConfig,
  sample,
  own,
  upstream: () => UPSTREAM,
  check: (_, faces) =>
    faces.some(({ port }) => port !== null && port !== PORT)
      ? [{ pointer: '/mode', detail: `serves on port ${PORT} alone: leave the port of its faces out` }]
      : [],
  reference,
  resolve,
  plan,
  skipsUnchanged: true,
  skipped: ({ artifact }, io) => notedAsSynced(io, artifact.sha ?? null),
  failed: (_, failure, io) => notedAsFailed(io, failure),
  storage: storageOf,
  observe: ({ workloadId, deploymentId }, { containers }) =>
    observeContainers({ workloadId, deploymentId, wanted: 1 }, containers),
  stop,
  start: ({ config, faces }) => [
    startAgainStep(TIMES),
    waitHealthyStep(healthOf(config)),
    routeStep(layoutOf(faces, UPSTREAM)),
  ],
  teardown: ({ workloadId }) => [unrouteStep(), removeAllStep({ workloadId, kind: KIND }, STOP_SECONDS)],
};

function plan(release: Release<StaticConfig>, previous: Release<StaticConfig> | null): Plan {
  const { config, faces, volumes = [], workloadId, deploymentId } = release;
  const owned = { workloadId, deploymentId, kind: KIND };
  const hasTraffic = previous !== null && previous.faces.length > 0 && config.drainSeconds > 0;
  const container = containerOf(release);
  const steps: readonly Step[] = [
    fetchStep(release),
    buildStep(release),
    ...(config.storageEnabled || volumes.length > 0 ? [siteVolumesStep(release)] : []),
    createStep(container),
    startStep(TIMES, container),
    waitHealthyStep(healthOf(config)),
    routeStep(layoutOf(faces, UPSTREAM)),
    noteStep(release),
    ...(hasTraffic ? [drainStep(owned, config.drainSeconds)] : []),
    retireStep(owned, STOP_SECONDS),
  ];
  return {
    steps,
    downtime: { class: 'none', reasons: [...cautionsOf(release, previous), ...sharing(release, previous)] },
  };
}

function sharing({ config }: Release<StaticConfig>, previous: Release<StaticConfig> | null): readonly string[] {
  const isShared = previous?.config.storageEnabled === true && config.storageEnabled && config.mode === 'deno';
  return isShared ? ['Old and new write to the storage at the same time until the old one is stopped.'] : [];
}

function stop({ workloadId, faces, config }: Release<StaticConfig>): readonly Step[] {
  const workload = { workloadId, kind: KIND };
  const hasTraffic = faces.length > 0 && config.drainSeconds > 0;
  return [
    unrouteStep(),
    ...(hasTraffic ? [restStep(workload, config.drainSeconds)] : []),
    stopStep(workload, STOP_SECONDS),
  ];
}

import { unrouteStep, routeStep } from '../../steps/route.js';
import { drainStep } from '../../steps/drain.js';
import { removeAllStep, retireStep } from '../../steps/retire.js';
import { restStep, startAgainStep, stopStep } from '../../steps/stop.js';
import { volumesStep } from '../../steps/volumes.js';
import { waitHealthyStep } from '../../steps/wait-healthy.js';
import type { Plan, Release, Source, Step } from '../../source.js';
import { check } from './check.js';
import { ComposeConfig, sample } from './config.dto.js';
import { configStep, pullStep, removeNetworks, startStep, upStep } from './deploy-steps.js';
import { downtimeOf } from './downtime.js';
import { healthOf } from './health.js';
import { observe } from './observe.js';
import { KIND, layoutFor, modeOf } from './placed.js';
import { fileOf } from './prepare.js';
import { projectName } from './project-name.js';
import { own, reference, resolve } from './reference.js';
import { readFile } from './read-file.js';
import { replicasOf } from './services.js';

/** The config is not at hand when a workload goes: the default. */
const TEARDOWN_STOP_SECONDS = 30;

/** A Compose project; one service of it may stand behind faces. */
export const compose: Source<ComposeConfig> = {
  kind: KIND,
  title: 'Compose project',
  config: ComposeConfig,
  sample,
  own,
  upstream({ yaml, routedService, port }) {
    const read = readFile(yaml);
    if (routedService === null || 'problem' in read) return { port: null, instances: 1 };
    return { port, instances: replicasOf(read.file, routedService) };
  },
  check,
  claim: ({ projectName: asked }, workload) => `compose project ${projectName(asked, workload)}`,
  adminFields: ['permissions'],
  pinsOnNode: true,
  restoresPrevious: true,
  reference,
  resolve,
  plan,
  observe,
  stop,
  start,
  teardown: ({ workloadId }) => [
    unrouteStep(),
    removeAllStep({ workloadId, kind: KIND }, TEARDOWN_STOP_SECONDS),
    leaveStep(workloadId),
  ],
};

function plan(release: Release<ComposeConfig>, previous: Release<ComposeConfig> | null): Plan {
  const { config, workloadId, deploymentId } = release;
  const file = fileOf(release);
  const deploying = { release, previous };
  const isBeside = modeOf(release, file) === 'beside';
  const owned = { workloadId, deploymentId, kind: KIND };
  const hasTraffic = isBeside && previous !== null && previous.faces.length > 0 && config.drainSeconds > 0;
  const steps: readonly Step[] = [
    configStep(deploying),
    pullStep(deploying),
    ...(release.volumes?.length ? [volumesStep(release)] : []),
    upStep(deploying),
    ...(isBeside ? [startStep(deploying)] : []),
    waitHealthyStep(healthOf(release, file)),
    routeStep(layoutFor(release, file)),
    ...(hasTraffic ? [drainStep(owned, config.drainSeconds)] : []),
    retireStep(owned, previous?.config.stopTimeoutSeconds ?? config.stopTimeoutSeconds),
    tidyStep(workloadId),
  ];
  return { steps, downtime: downtimeOf(release, previous) };
}

/** Networks that the file does not have any more. */
function tidyStep(workloadId: string): Step {
  return {
    name: 'tidy',
    async run(io) {
      await removeNetworks(io, workloadId);
      return {};
    },
  };
}

function leaveStep(workloadId: string): Step {
  return {
    name: 'leave',
    async run(io) {
      await removeNetworks(io, workloadId);
      await io.compose.clear();
      return {};
    },
  };
}

function stop({ workloadId, faces, config }: Release<ComposeConfig>): readonly Step[] {
  const workload = { workloadId, kind: KIND };
  const hasTraffic = faces.length > 0 && config.drainSeconds > 0;
  return [
    unrouteStep(),
    ...(hasTraffic ? [restStep(workload, config.drainSeconds)] : []),
    stopStep(workload, config.stopTimeoutSeconds),
  ];
}

function start(release: Release<ComposeConfig>): readonly Step[] {
  const file = fileOf(release);
  return [
    startAgainStep(release.config),
    waitHealthyStep(healthOf(release, file)),
    routeStep(layoutFor(release, file)),
  ];
}

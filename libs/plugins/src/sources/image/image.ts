import { containerName, hookName } from '#domain/naming';
import { cautionsOf } from '../../cautions.js';
import { layoutOf } from '../../routing/port-groups.js';
import type { Plan, Release, Source, Step } from '../../source.js';
import { createStep, type CreateOptions } from '../../steps/create.js';
import { drainStep } from '../../steps/drain.js';
import { preDeployStep, removeHookStep, type HookOptions } from '../../steps/pre-deploy.js';
import { removeAllStep, retireStep } from '../../steps/retire.js';
import { routeStep, unrouteStep } from '../../steps/route.js';
import { restStep, startAgainStep, stopStep } from '../../steps/stop.js';
import { startStep } from '../../steps/start.js';
import { volumesStep } from '../../steps/volumes.js';
import { waitHealthyStep } from '../../steps/wait-healthy.js';
import { healthOf, healthPort } from './health.js';
import { ImageConfig, sample } from './config.dto.js';
import { observe } from './observe.js';
import { imageOf, pullStep } from './pull.js';
import { own, reference, resolve } from './reference.js';

const KIND = 'image';
/** The config is not at hand when a workload goes: the default. */
const TEARDOWN_STOP_SECONDS = 30;

/** Containers of one image, blue-green behind their faces. */
export const image: Source<ImageConfig> = {
  kind: KIND,
  title: 'Container image',
  config: ImageConfig,
  sample,
  own,
  upstream: ({ port, maxInstances }) => ({ port, instances: maxInstances }),
  check(config, faces) {
    const isMissing = config.port === null && faces.some(({ port }) => port === null);
    return [
      ...(isMissing ? [{ pointer: '/port', detail: 'is required where a face names no port of its own' }] : []),
      ...(config.healthcheck?.path && healthPort(config) === null
        ? [{ pointer: '/healthcheck/port', detail: 'is required where there is a path and no port of the workload' }]
        : []),
    ];
  },
  reference,
  resolve,
  plan,
  observe,
  stop,
  start,
  teardown: ({ workloadId }) => [unrouteStep(), removeAllStep({ workloadId, kind: KIND }, TEARDOWN_STOP_SECONDS)],
};

function plan(release: Release<ImageConfig>, previous: Release<ImageConfig> | null): Plan {
  const { config, workloadId, deploymentId } = release;
  const owned = { workloadId, deploymentId, kind: KIND };
  const layout = layoutOf(release.faces, { port: config.port, instances: config.maxInstances });
  const hasTraffic = previous !== null && previous.faces.length > 0 && config.drainSeconds > 0;
  const steps: readonly Step[] = [
    pullStep(release),
    ...(release.volumes?.length ? [volumesStep(release)] : []),
    ...hooks(release),
    createStep(containersOf(release)),
    startStep(config, containersOf(release)),
    waitHealthyStep(healthOf(config)),
    routeStep(layout),
    ...(hasTraffic ? [drainStep(owned, config.drainSeconds)] : []),
    retireStep(owned, previous?.config.stopTimeoutSeconds ?? config.stopTimeoutSeconds),
  ];
  return { steps, downtime: downtimeOf(release, previous) };
}

/** The proxy never drops a request; what others reach by its name alone changes under them. */
function downtimeOf(release: Release<ImageConfig>, previous: Release<ImageConfig> | null): Plan['downtime'] {
  const { network, healthcheck } = release.config;
  const isReachedByName = previous !== null && network !== null && previous.config.network === network;
  const reasons = [
    ...cautionsOf(release, previous),
    ...(isReachedByName
      ? [
          `In the private network ${network} it answers by its name from its start, healthy or not, and connections to the old one end when that is stopped.`,
        ]
      : []),
    ...(healthcheck === null
      ? ['The health check is off: traffic goes to the new one as soon as it has started, ready or not.']
      : []),
  ];
  return { class: isReachedByName ? 'routed-only' : 'none', reasons };
}

function stop({ workloadId, faces, config }: Release<ImageConfig>): readonly Step[] {
  const workload = { workloadId, kind: KIND };
  const hasTraffic = faces.length > 0 && config.drainSeconds > 0;
  return [
    unrouteStep(),
    ...(hasTraffic ? [restStep(workload, config.drainSeconds)] : []),
    stopStep(workload, config.stopTimeoutSeconds),
  ];
}

function start({ config, faces }: Release<ImageConfig>): readonly Step[] {
  const layout = layoutOf(faces, { port: config.port, instances: config.maxInstances });
  return [startAgainStep(config), waitHealthyStep(healthOf(config)), routeStep(layout)];
}

const HOOK_SECONDS = 600;

function hooks(release: Release<ImageConfig>): readonly Step[] {
  const { config, workloadId, workloadName, deploymentId, env } = release;
  const { preDeploy: command, preDeployTimeoutSeconds: timeoutSeconds = HOOK_SECONDS } = config.hooks;
  if (command === null) return [];
  const { cpuLimit, memoryLimit } = config;
  const owned = { workloadId, deploymentId, kind: KIND };
  const name = hookName({ name: workloadName, id: workloadId }, deploymentId);
  const network = { network: config.network, workloadName };
  const shape = { name, command, timeoutSeconds, env, cpuLimit, memoryLimit, network };
  const options: HookOptions = { ...owned, ...shape, imageOf: (facts) => imageOf(release, facts) };
  return [preDeployStep(options), removeHookStep(options)];
}

function containersOf(release: Release<ImageConfig>): CreateOptions {
  const { config, workloadId, workloadName, deploymentId, env, faces } = release;
  const { command, cpuLimit, memoryLimit, maxInstances: instances } = config;
  const layout = layoutOf(faces, { port: config.port, instances });
  const ports = [config.port, healthPort(config), ...layout.faces.map(({ port }) => port)].filter(
    (port) => port !== null,
  );
  return {
    workloadId,
    deploymentId,
    kind: KIND,
    instances,
    nameOf: (instance) => containerName({ name: workloadName, id: workloadId }, deploymentId, instance),
    imageOf: (facts) => imageOf(release, facts),
    env,
    command,
    cpuLimit,
    memoryLimit,
    ports: [...new Set(ports)].sort((a, b) => a - b),
    layout,
    network: { network: config.network, workloadName },
  };
}

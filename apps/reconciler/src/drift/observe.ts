import type { ContainerSummary } from '#docker/docker';
import type { Finding, Observed, ObservedState } from '#domain/observation';
import { checkConfig } from '#plugins/config';
import type { Observation, Release, Source } from '#plugins/source';
import { crashesOf, CRASH_LOOP, CRASH_MS } from './crash-loop.js';
import type { Desired, KnownDeployment } from './desired.js';
import { diff } from './diff.js';
import { deploymentOf, workloadOf } from './own-containers.js';

/** One workload as it is, compared with what it should be. */
export interface Seen {
  readonly desired: Desired;
  readonly own: readonly ContainerSummary[];
  readonly observed: Observed;
  readonly findings: readonly Finding[];
}

export interface View {
  readonly desired: readonly Desired[];
  /** Of this installation: the one list of this look, for all workloads. */
  readonly containers: readonly ContainerSummary[];
  readonly known: ReadonlyMap<string, KnownDeployment>;
  readonly sources: readonly Source[];
  readonly now: number;
}

/** A list never grows with what somebody started by hand. */
const MOST_CONTAINERS = 50;

/** Pure. Workloads that somebody is at are left out: what is seen of them now says nothing. */
export function observeAll({ desired, containers, known, sources, now }: View): readonly Seen[] {
  const byWorkload = Map.groupBy(containers, workloadOf);
  return desired
    .filter(({ isBusy, lifecycle }) => !isBusy && lifecycle === 'present')
    .map((each) => {
      const own = byWorkload.get(each.workloadId) ?? [];
      const observation = bySource(each, own, sources);
      const findings = diff({ desired: each, own, known, observation }).slice(0, MOST_CONTAINERS);
      return { desired: each, own, findings, observed: observedOf(each, { own, observation, findings, now }) };
    });
}

function bySource(desired: Desired, own: readonly ContainerSummary[], sources: readonly Source[]): Observation | null {
  const source = sources.find(({ kind }) => kind === desired.sourceKind);
  const release = source === undefined ? null : releaseOf(desired, source);
  return release === null ? null : source!.observe(release, { containers: own });
}

/** Without its environment: nothing is started here. Null for a config that this release cannot read. */
function releaseOf({ workloadId, name, current }: Desired, source: Source): Release | null {
  if (current === null) return null;
  const { value: config, errors } = checkConfig(source.config, current.release.config);
  if (errors.length > 0) return null;
  const { artifact, faces } = current.release;
  return { workloadId, workloadName: name, deploymentId: current.deploymentId, artifact, config, faces, env: {} };
}

interface Looked {
  readonly own: readonly ContainerSummary[];
  readonly observation: Observation | null;
  readonly findings: readonly Finding[];
  readonly now: number;
}

function observedOf(desired: Desired, { own, observation, findings, now }: Looked): Observed {
  const crashes = crashesOf(desired, { from: now - CRASH_MS, to: now });
  const isLooping = crashes >= CRASH_LOOP;
  const words = [
    observation?.detail ?? '',
    ...(isLooping ? [`${crashes} restarts in ${CRASH_MS / 60_000} min`] : []),
    ...findings.map(({ detail }) => detail),
  ];
  return {
    workloadId: desired.workloadId,
    deploymentId: desired.current?.deploymentId ?? null,
    state: isLooping ? 'degraded' : stateOf(desired, { observation, isIll: findings.length > 0 }),
    detail: words
      .filter((word) => word !== '')
      .join('; ')
      .slice(0, 500),
    containers: own.slice(0, MOST_CONTAINERS).map((container) => ({
      name: container.name,
      containerId: container.id,
      deploymentId: deploymentOf(container),
      state: container.state,
      health: container.health,
    })),
  };
}

function stateOf(
  { runState, current }: Desired,
  { observation, isIll }: { observation: Observation | null; isIll: boolean },
): ObservedState {
  if (runState === 'stopped' || current === null) return 'stopped';
  if (observation !== null && observation.state !== 'running') return observation.state;
  return isIll ? 'degraded' : 'running';
}

import type { ContainerSummary } from '#docker/docker';
import type { Finding } from '#domain/observation';
import type { Observation } from '#plugins/source';
import type { Desired, KnownDeployment } from './desired.js';
import { deploymentOf } from './own-containers.js';

export interface Compared {
  readonly desired: Desired;
  /** Its containers, of whatever deployment. */
  readonly own: readonly ContainerSummary[];
  readonly known: ReadonlyMap<string, KnownDeployment>;
  /** What its source makes of them. */
  readonly observation: Observation | null;
}

interface Expected {
  readonly name: string;
  readonly containerId: string;
  /** Another one of its name does as well. */
  readonly byName?: true;
  /** It did what it had to. */
  readonly hasEnded?: true;
}

/** What differs from the current release. Pure. */
export function diff(compared: Compared): readonly Finding[] {
  const { desired, own, known } = compared;
  const current = desired.current?.deploymentId ?? null;
  const expected = expectedContainers(desired) ?? [];
  // A container that did not change may be of an earlier deployment.
  const others = own.filter(
    (container) => deploymentOf(container) !== current && !expected.some((each) => isExpected(each, container)),
  );
  return [
    ...(current === null || desired.runState === 'stopped' ? [] : ofCurrent(compared, current)),
    ...others.flatMap((container) => ofOther(container, known.get(deploymentOf(container)))),
  ];
}

/** What the current deployment recorded; null where its source records no containers. */
export function expectedContainers({ current }: Desired): readonly Expected[] | null {
  return (current?.facts['containers'] as readonly Expected[] | undefined) ?? null;
}

export function isExpected({ containerId, byName, name }: Expected, container: ContainerSummary): boolean {
  return container.id === containerId || (byName === true && container.name === name);
}

function ofCurrent({ desired, own, observation }: Compared, current: string): readonly Finding[] {
  const expected = expectedContainers(desired);
  if (expected === null) {
    if (observation === null || observation.state === 'running') return [];
    return [{ kind: 'missing', container: null, detail: observation.detail }];
  }
  const strangers = own.filter(
    (container) => deploymentOf(container) === current && !expected.some((each) => isExpected(each, container)),
  );
  const findings = expected.flatMap((each) => {
    const found = own.find((container) => isExpected(each, container));
    return found ? ofPresent(found, desired, each) : ofAbsent(each, strangers);
  });
  const named = new Set(expected.map(({ name }) => name));
  const more = strangers.filter(({ name, state }) => !named.has(name) && state === 'running');
  return [...findings, ...more.map(({ name }) => finding('extra', name, 'is not of the release it is labelled with'))];
}

function ofAbsent({ name }: Expected, strangers: readonly ContainerSummary[]): readonly Finding[] {
  const again = strangers.some((container) => container.name === name);
  return [again ? finding('changed', name, 'was made anew by somebody else') : finding('missing', name, 'is gone')];
}

function ofPresent(
  { name, state, exitCode, imageId }: ContainerSummary,
  { current }: Desired,
  { hasEnded }: Expected,
): readonly Finding[] {
  const wanted = current?.facts['imageId'];
  if (typeof wanted === 'string' && wanted !== imageId) return [finding('changed', name, 'runs another image')];
  if (state === 'running' || state === 'restarting' || (hasEnded && exitCode === 0)) return [];
  if ((state === 'exited' || state === 'dead') && exitCode !== null && exitCode !== 0)
    return [finding('crashed', name, `ended with code ${exitCode}`)];
  return [finding('stopped', name, `is ${state}`)];
}

function ofOther({ name }: ContainerSummary, deployment: KnownDeployment | undefined): readonly Finding[] {
  if (deployment === undefined)
    return [finding('unknown', name, 'is of a deployment that this log does not know: was an older backup restored?')];
  if (deployment.isUnfinished) return [];
  return [finding('extra', name, `is left over of a deployment that ${deployment.status.replace('_', ' ')}`)];
}

function finding(kind: Finding['kind'], container: string, what: string): Finding {
  return { kind, container, detail: `${container} ${what}` };
}

import { TerminalError } from '#domain/errors';
import type { Container } from '#docker/docker';
import type { StepIo } from '../source.js';
import type { ContainerFact } from './container-facts.js';

export type HealthRule =
  | { readonly kind: 'http'; readonly port: number; readonly path: string }
  /** Docker's HEALTHCHECK, else running for 10 s without a restart. */
  | { readonly kind: 'docker' }
  /** As `docker`, of one among several: it may be restarted until the others are there, and end well where it may. */
  | { readonly kind: 'service'; readonly mayEnd: boolean }
  /** Started is enough. */
  | { readonly kind: 'off' };

/** `extraMs`: how much longer than the deadline this state may last. */
export type Health =
  | { readonly isHealthy: true; readonly hasEnded?: true }
  | { readonly isHealthy: false; readonly why: string; readonly extraMs: number };

export interface Check {
  readonly container: ContainerFact;
  readonly rule: HealthRule;
  readonly timeoutMs: number;
  /** A healthy answer is not enough: it must be the first process's, never a restarted one's. */
  readonly isStrict: boolean;
}

const UPTIME_MS = 10_000;
/** An image's HEALTHCHECK runs for the first time after its interval, 30 s unless the image says otherwise. */
const FIRST_REPORT_MS = 35_000;

/** One look. Throws {@link TerminalError} `container-exited` as soon as the container ended or was restarted. */
export async function checkHealth(io: StepIo, { container, rule, timeoutMs, isStrict }: Check): Promise<Health> {
  if (rule.kind === 'service') return ofService(await look(io, container), rule, io.clock.now());
  if (rule.kind !== 'http') return byDocker(await inspect(io, container), rule, io.clock.now());
  const answer = await io.probe(portOf(container, rule.port), rule.path, timeoutMs);
  const isHealthy = 'status' in answer && answer.status >= 200 && answer.status < 300;
  if (!isHealthy || isStrict) await inspect(io, container);
  if (isHealthy) return { isHealthy };
  const why =
    'status' in answer
      ? `GET ${rule.path} answered ${answer.status}`
      : `GET ${rule.path} got no answer (${answer.error})`;
  return { isHealthy, why, extraMs: 0 };
}

/** What waits for another one may fail and be started again by its restart policy. */
function ofService(container: Container, { mayEnd }: { mayEnd: boolean }, now: number): Health {
  const { state, exitCode, name } = container;
  if (state !== 'exited' && state !== 'dead') return byDocker(container, { kind: 'docker' }, now);
  if (mayEnd && exitCode === 0) return { isHealthy: true, hasEnded: true };
  if (mayEnd) throw exited(container);
  return { isHealthy: false, why: `${name} exited with code ${exitCode ?? 'unknown'}`, extraMs: 0 };
}

function byDocker(container: Container, rule: HealthRule, now: number): Health {
  if (!container.running) return { isHealthy: false, why: `it is ${container.state}`, extraMs: 0 };
  if (rule.kind === 'off' || container.health === 'healthy') return { isHealthy: true };
  if (container.health !== 'none') {
    const extraMs = container.health === 'starting' ? FIRST_REPORT_MS : 0;
    return { isHealthy: false, why: `its HEALTHCHECK says ${container.health}`, extraMs };
  }
  const uptime = container.startedAt === null ? 0 : now - Date.parse(container.startedAt);
  if (uptime >= UPTIME_MS) return { isHealthy: true };
  return { isHealthy: false, why: 'it has run for less than 10 s', extraMs: UPTIME_MS };
}

async function look(io: StepIo, { containerId, name }: ContainerFact): Promise<Container> {
  const found = await io.docker.inspectContainer(containerId, io.signal);
  if (found) return found;
  throw new TerminalError('container-gone', `Container ${name} was removed by somebody else while it started.`);
}

async function inspect(io: StepIo, container: ContainerFact): Promise<Container> {
  const found = await look(io, container);
  const hasEnded = ['exited', 'dead', 'restarting'].includes(found.state) || found.restartCount > 0;
  if (hasEnded) throw exited(found);
  return found;
}

function exited({ name, exitCode, oomKilled }: Container): TerminalError {
  // Of one that the engine has started again the code is not known any more.
  const ended = exitCode === null ? 'ended and was restarted' : `exited with code ${exitCode}`;
  const how = oomKilled ? 'ran out of memory' : ended;
  const next = oomKilled ? 'Raise its memoryLimit.' : 'Its last lines are in the deployment log.';
  return new TerminalError('container-exited', `Container ${name} ${how} before it was healthy. ${next}`);
}

function portOf({ ports, name }: ContainerFact, containerPort: number): number {
  const port = ports[containerPort];
  if (port === undefined)
    throw new TerminalError('not-published', `Port ${containerPort} of ${name} has no host port to be probed at.`);
  return port;
}

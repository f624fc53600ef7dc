import { TerminalError } from '#domain/errors';
import type { Container } from '#docker/docker';
import type { Step, StepIo } from '../source.js';
import { containersOf, type ContainerFact } from './container-facts.js';
import { allOf, type Owned } from './owned-containers.js';
import { pause } from './pause.js';

type Workload = Omit<Owned, 'deploymentId'>;

/** Requests that the containers hold get this long to end. */
export function restStep(workload: Workload, drainSeconds: number): Step {
  return {
    name: 'drain',
    async run(io) {
      await io.route.settled?.();
      const running = (await allOf(io, workload)).filter(({ state }) => state === 'running');
      if (running.length === 0) return {};
      io.log(`Draining ${running.length} container(s) for ${drainSeconds} s`, 'step');
      await pause(io.clock, drainSeconds * 1000, io.signal);
      return {};
    },
  };
}

/** Every container of the workload, kept as it is. */
export function stopStep(workload: Workload, stopTimeoutSeconds: number): Step {
  return {
    name: 'stop',
    async run(io) {
      const stoppable = (await allOf(io, workload)).filter(
        ({ state }) => !['created', 'exited', 'dead'].includes(state),
      );
      await Promise.all(stoppable.map(({ id }) => io.docker.stopContainer(id, stopTimeoutSeconds, io.signal)));
      for (const { name } of stoppable) io.log(`Stopped container ${name}`, 'step');
      return {};
    },
  };
}

/** Starts the very containers that were stopped. */
export function startAgainStep({ stopTimeoutSeconds }: { readonly stopTimeoutSeconds: number }): Step {
  return {
    name: 'start',
    async run(io, facts) {
      const containers = containersOf(facts).filter(({ hasEnded }) => !hasEnded);
      for (const container of containers) await requireStartable(io, container);
      // In their order: what another one waits for comes first.
      for (const container of containers) await start(io, container);
      return {};
    },
    async undo(io, facts) {
      await Promise.all(
        containersOf(facts).map(({ containerId }) =>
          io.docker.stopContainer(containerId, stopTimeoutSeconds, io.signal),
        ),
      );
    },
  };
}

/** One that was restarted before would never count as started for the first time. */
async function requireStartable(io: StepIo, { containerId, name }: ContainerFact): Promise<void> {
  const found: Container | null = await io.docker.inspectContainer(containerId, io.signal);
  if (found === null) throw new TerminalError('not-startable', `Container ${name} was removed while it was stopped.`);
  if (found.restartCount > 0) {
    throw new TerminalError('not-startable', `Container ${name} had been restarted ${found.restartCount} times.`);
  }
}

async function start(io: StepIo, { containerId, name }: ContainerFact): Promise<void> {
  try {
    await io.docker.startContainer(containerId, io.signal);
  } catch (error) {
    if (!(error instanceof TerminalError) || error.code !== 'port-taken') throw error;
    throw new TerminalError('not-startable', `The host port of container ${name} was taken while it was stopped.`);
  }
}

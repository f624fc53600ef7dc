import { TerminalError } from '#domain/errors';
import type { Facts, Step, StepIo } from '../source.js';
import { containersOf } from './container-facts.js';
import { createAll, giveUpPorts, type CreateOptions } from './create.js';

/** Nothing of ours reached it yet: a failed deployment does not wait longer for it to go. */
const UNDO_STOP_SECONDS = 10;

/**
 * A host port is ours to choose: one that somebody else was faster to take costs the containers being made again with
 * others, once. Their facts are then this step's.
 */
export function startStep(
  { stopTimeoutSeconds }: { readonly stopTimeoutSeconds: number },
  options: CreateOptions,
): Step {
  return {
    name: 'start',
    async run(io, facts) {
      try {
        await startAll(io, facts);
        return {};
      } catch (error) {
        if (!(await canBeMadeAgain(io, error, facts))) throw error;
        if (isPortTaken(error)) await giveUpPorts(io, options);
        io.log('The containers are made again: a host port of theirs was taken by another program', 'step');
        const made = await createAll(io, options, facts);
        await startAll(io, made);
        return made;
      }
    },
    async undo(io, facts) {
      const timeout = Math.min(stopTimeoutSeconds, UNDO_STOP_SECONDS);
      await Promise.all(
        containersOf(facts).map(({ containerId }) => io.docker.stopContainer(containerId, timeout, io.signal)),
      );
    },
  };
}

async function startAll(io: StepIo, facts: Facts): Promise<void> {
  await Promise.all(containersOf(facts).map(({ containerId }) => io.docker.startContainer(containerId, io.signal)));
}

/** A container that is gone was given up by a holder before us, who did not come to record the new ones. */
async function canBeMadeAgain(io: StepIo, error: unknown, facts: Facts): Promise<boolean> {
  if (!(error instanceof TerminalError)) return false;
  if (isPortTaken(error)) return true;
  const found = await Promise.all(
    containersOf(facts).map(({ containerId }) => io.docker.inspectContainer(containerId, io.signal)),
  );
  return found.includes(null);
}

function isPortTaken(error: unknown): boolean {
  return error instanceof TerminalError && error.code === 'port-taken';
}

import type { Container } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import type { Facts, Step, StepIo } from '../source.js';
import { attach, type NetworkWish } from './network.js';
import type { Owned } from './owned-containers.js';
import { labelsOf } from './owned-labels.js';
import { mountsOf } from './volumes.js';

export interface HookOptions extends Owned {
  /** By the deployment: a worker that comes later finds what an earlier one started. */
  readonly name: string;
  /** Argv. */
  readonly command: readonly string[];
  readonly timeoutSeconds: number;
  readonly imageOf: (facts: Facts) => string;
  readonly env: Readonly<Record<string, string>>;
  readonly cpuLimit: number | null;
  readonly memoryLimit: number | null;
  readonly network: NetworkWish;
}

/** What is past its time gets this long to end by itself. */
const STOP_SECONDS = 5;
/** For reading what one that has ended wrote. */
const READ_MS = 60_000;

/**
 * A one-off container of the new image, with the release's variables and volumes, before anything of it serves. It
 * runs once: its container is kept until the step is recorded, and says how it ended to whoever comes after a crash.
 * Throws {@link TerminalError} `hook-failed`, `hook-timeout`.
 */
export function preDeployStep(options: HookOptions): Step {
  return {
    name: 'pre-deploy',
    async run(io, facts) {
      const found = (await io.docker.inspectContainer(options.name, io.signal)) ?? (await create(io, options, facts));
      requireOurs(found, options);
      if (found.state === 'created') await io.docker.startContainer(found.id, io.signal);
      const ended = await untilEnded(io, found.id, options);
      refuseFailure(ended);
      return {};
    },
    undo: (io) => remove(io, options),
  };
}

/** A step of its own: only once `pre-deploy` is recorded is its container of no more use. */
export function removeHookStep(options: Pick<HookOptions, 'name' | 'deploymentId'>): Step {
  return {
    name: 'remove-hook',
    async run(io) {
      await remove(io, options);
      return {};
    },
  };
}

async function create(io: StepIo, options: HookOptions, facts: Facts): Promise<Container> {
  const { name, command, env, cpuLimit, memoryLimit } = options;
  // Without the workload's name: nobody is to reach a hook by it.
  const { network } = await attach(io, options.network);
  io.log(`Running ${JSON.stringify(command)} before the switch, for at most ${options.timeoutSeconds} s`, 'step');
  const shape = { name, command, env, cpuLimit, memoryLimit, image: options.imageOf(facts), mounts: mountsOf(facts) };
  const { id } = await io.docker.createContainer(
    { ...shape, labels: labelsOf(options, io), ports: [], network, restart: 'no' },
    io.signal,
  );
  return look(io, id, options);
}

/** Its output goes to the deployment log as it comes; what an earlier holder has written there is left out. */
async function untilEnded(io: StepIo, id: string, options: HookOptions): Promise<Container> {
  const written = { ...(await io.logged()) };
  for (;;) {
    const now = await look(io, id, options);
    const leftMs = Date.parse(now.startedAt ?? '') + options.timeoutSeconds * 1000 - io.clock.now();
    if (now.running && leftMs <= 0) throw await tooLate(io, id, options);
    // Also of one that has ended: it may have been quicker than the look at it.
    await follow(io, id, { leftMs: now.running ? leftMs : READ_MS, written });
    if (now.running) continue;
    // Kept before the step is recorded: afterwards nobody reads the container again.
    await io.logged();
    return now;
  }
}

interface Following {
  readonly leftMs: number;
  /** Lines in the log so far: counted on while more come. */
  readonly written: { stdout: number; stderr: number };
}

/** Ends with the container, at its deadline, or when the engine lets go of the connection. */
async function follow(io: StepIo, id: string, { leftMs, written }: Following): Promise<void> {
  const seen = { stdout: 0, stderr: 0 };
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), leftMs);
  try {
    await io.docker.followLogs(
      id,
      ({ stream, line }) => {
        seen[stream] += 1;
        if (seen[stream] <= written[stream]) return;
        written[stream] += 1;
        io.log(line, stream);
      },
      AbortSignal.any([io.signal, deadline.signal]),
    );
  } catch (error) {
    if (!deadline.signal.aborted || io.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function tooLate(io: StepIo, id: string, { name, timeoutSeconds }: HookOptions): Promise<Error> {
  await io.docker.stopContainer(id, STOP_SECONDS, io.signal);
  const text = `The pre-deploy hook ${name} had not ended after ${timeoutSeconds} s and was stopped. Make it quicker, or raise hooks.preDeployTimeoutSeconds.`;
  return new TerminalError('hook-timeout', text);
}

function refuseFailure({ exitCode, oomKilled }: Container): void {
  if (exitCode === 0 && !oomKilled) return;
  const how = oomKilled ? 'ran out of memory' : `exited with code ${exitCode ?? 'unknown'}`;
  throw new TerminalError('hook-failed', `The pre-deploy hook ${how}. Its last lines are in the deployment log.`);
}

async function look(io: StepIo, id: string, { name }: HookOptions): Promise<Container> {
  const found = await io.docker.inspectContainer(id, io.signal);
  if (found) return found;
  throw new TerminalError('hook-failed', `Container ${name} was removed by somebody else while the hook ran.`);
}

function requireOurs({ labels, name }: Container, { deploymentId }: HookOptions): void {
  if (labels[LABELS.deploymentId] === deploymentId) return;
  const text = `A container named ${name} exists and is not of this deployment. Rename or remove it: docker rm ${name}`;
  throw new TerminalError('container-foreign', text, 'operator');
}

async function remove(io: StepIo, { name, deploymentId }: Pick<HookOptions, 'name' | 'deploymentId'>): Promise<void> {
  const found = await io.docker.inspectContainer(name, io.signal);
  if (found?.labels[LABELS.deploymentId] === deploymentId) await io.docker.removeContainer(found.id, io.signal);
}

import type { Mount } from '#docker/docker';
import { LABELS } from '#domain/naming';
import { routePorts, type RouteLayout } from '../routing/port-groups.js';
import type { Facts, Step, StepIo } from '../source.js';
import type { ContainerFact } from './container-facts.js';
import { attach, type Attachment, type NetworkWish } from './network.js';
import { labelsOf } from './owned-labels.js';
import { mountsOf } from './volumes.js';

export interface CreateOptions {
  readonly workloadId: string;
  readonly deploymentId: string;
  /** The source's. */
  readonly kind: string;
  readonly instances: number;
  readonly nameOf: (instance: number) => string;
  /** Its row is `<workloadId>:<role>`; left out: `web-<instance>`. */
  readonly roleOf?: (instance: number) => string;
  /** Image id or `repo@digest`, from what the steps before found. */
  readonly imageOf: (facts: Facts) => string;
  readonly env: Readonly<Record<string, string>>;
  /** Argv; null = the image's own. */
  readonly command: readonly string[] | null | ((facts: Facts) => readonly string[] | null);
  readonly cpuLimit: number | null;
  readonly memoryLimit: number | null;
  /** Container ports to publish on loopback; those of the layout among them. */
  readonly ports: readonly number[];
  readonly layout: RouteLayout;
  readonly network: NetworkWish;
}

/** Containers and ports for every instance; facts `containers` and `routePorts`. Undone by removing them. */
export function createStep(options: CreateOptions): Step {
  return {
    name: 'create',
    run: (io, facts) => createAll(io, options, facts),
    undo: (io) => removeAll(io, options),
  };
}

/** The facts of `create`. What is there by its name is taken over. */
export async function createAll(io: StepIo, options: CreateOptions, facts: Facts): Promise<Facts> {
  const attachment = await attach(io, options.network);
  const containers: ContainerFact[] = [];
  const command = typeof options.command === 'function' ? options.command(facts) : options.command;
  const shape = { ...options, attachment, command, image: options.imageOf(facts), mounts: mountsOf(facts) };
  for (const instance of instancesOf(options)) containers.push(await create(io, { ...shape, instance }));
  return { containers, routePorts: routePorts(options.layout, containers) };
}

/** By name: facts are absent when `create` failed half way, and old when `start` made them again. */
async function removeAll(io: StepIo, options: CreateOptions): Promise<void> {
  for (const instance of instancesOf(options)) await remove(io, options, options.nameOf(instance));
}

/** Away with the containers, and their ports are not drawn again for now: another program has one of them. */
export async function giveUpPorts(io: StepIo, options: CreateOptions): Promise<void> {
  for (const instance of instancesOf(options)) await io.refusePorts(options.nameOf(instance));
  await removeAll(io, options);
}

function instancesOf({ instances }: CreateOptions): readonly number[] {
  return Array.from({ length: instances }, (_, index) => index + 1);
}

type Shape = Omit<CreateOptions, 'command'> & {
  readonly attachment: Attachment;
  readonly instance: number;
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly mounts: readonly Mount[];
};

async function create(io: StepIo, options: Shape): Promise<ContainerFact> {
  const { instance, image, env, command, cpuLimit, memoryLimit, mounts } = options;
  const name = options.nameOf(instance);
  const ports: Record<number, number> = {};
  for (const port of options.ports) ports[port] = await io.port(name, port);
  const published = Object.entries(ports).map(([container, host]) => ({ container: Number(container), host }));
  const shape = {
    name,
    image,
    env,
    command,
    cpuLimit,
    memoryLimit,
    mounts,
    ...options.attachment,
    restart: 'unless-stopped' as const,
  };
  const { id } = await io.docker.createContainer(
    { ...shape, labels: labelsOf(options, io), ports: published },
    io.signal,
  );
  io.log(`Container ${name} is ${id.slice(0, 12)}`, 'step');
  return { instance, name, containerId: id, ports, ...(options.roleOf && { role: options.roleOf(instance) }) };
}

/** Only this deployment's: a name alone may be a stranger's. */
async function remove(io: StepIo, { deploymentId }: CreateOptions, name: string): Promise<void> {
  const found = await io.docker.inspectContainer(name, io.signal);
  if (found?.labels[LABELS.deploymentId] === deploymentId) await io.docker.removeContainer(found.id, io.signal);
  await io.releasePorts(name);
}

import { LABELS, NETWORK } from '#domain/naming';
import { routePorts, type RouteLayout } from '../routing/port-groups.js';
import type { Facts, Step, StepIo } from '../source.js';
import { containersOf, type ContainerFact } from './container-facts.js';

export interface CreateOptions {
  readonly workloadId: string;
  readonly deploymentId: string;
  /** The source's. */
  readonly kind: string;
  readonly instances: number;
  readonly nameOf: (instance: number) => string;
  /** Image id or `repo@digest`, from what the steps before found. */
  readonly imageOf: (facts: Facts) => string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[] | null;
  readonly cpuLimit: number | null;
  readonly memoryLimit: number | null;
  /** Container ports to publish on loopback; those of the layout among them. */
  readonly ports: readonly number[];
  readonly layout: RouteLayout;
}

/** Containers and ports for every instance; facts `containers` and `routePorts`. Undone by removing them. */
export function createStep(options: CreateOptions): Step {
  const instances = Array.from({ length: options.instances }, (_, index) => index + 1);
  return {
    name: 'create',
    async run(io, facts) {
      await io.docker.ensureNetwork({ name: NETWORK, labels: {}, interContainer: false }, io.signal);
      const containers: ContainerFact[] = [];
      for (const instance of instances)
        containers.push(await create(io, { ...options, instance, image: options.imageOf(facts) }));
      return { containers, routePorts: routePorts(options.layout, containers) };
    },
    async undo(io, facts) {
      // Facts are absent when the step itself failed half way: the names are not.
      const known = new Map(containersOf(facts).map(({ instance, containerId }) => [instance, containerId]));
      for (const instance of instances) {
        await remove(io, {
          id: known.get(instance),
          name: options.nameOf(instance),
          deploymentId: options.deploymentId,
        });
      }
    },
  };
}

async function create(
  io: StepIo,
  options: CreateOptions & { instance: number; image: string },
): Promise<ContainerFact> {
  const { instance, image, env, command, cpuLimit, memoryLimit } = options;
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
    network: NETWORK,
    restart: 'unless-stopped' as const,
  };
  const { id } = await io.docker.createContainer(
    { ...shape, labels: labelsOf(options, io), ports: published },
    io.signal,
  );
  io.log(`Container ${name} is ${id.slice(0, 12)}`, 'step');
  return { instance, name, containerId: id, ports };
}

function labelsOf({ workloadId, kind, deploymentId }: CreateOptions, io: StepIo): Readonly<Record<string, string>> {
  return {
    [LABELS.workloadId]: workloadId,
    [LABELS.kind]: kind,
    [LABELS.deploymentId]: deploymentId,
    [LABELS.epoch]: String(io.epoch),
    [LABELS.installation]: io.installation,
  };
}

/** Only this deployment's: a name alone may be a stranger's. */
async function remove(
  io: StepIo,
  { id, name, deploymentId }: { id: string | undefined; name: string; deploymentId: string },
): Promise<void> {
  const found = await io.docker.inspectContainer(id ?? name, io.signal);
  if (found?.labels[LABELS.deploymentId] === deploymentId) await io.docker.removeContainer(found.id, io.signal);
  await io.releasePorts(name);
}

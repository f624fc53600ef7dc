import type { ContainerSummary } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import { routePorts } from '../../routing/port-groups.js';
import type { Facts, StepIo } from '../../source.js';
import type { ContainerFact } from '../../steps/container-facts.js';
import { compose, FILE, OVERRIDE } from './cli.js';
import { overrideOf } from './override.js';
import { pinOf } from './pins.js';
import {
  layoutFor,
  modeOf,
  ownContainers,
  placeInPlace,
  placeRouted,
  portHolder,
  portsFor,
  SERVICE_LABEL,
  type Placed,
  type Standing,
} from './placed.js';
import { writeFile, type PreparedService } from './prepare.js';

/**
 * Every service that is not routed, and one that cannot stand beside itself: only what changed is made anew, and what
 * the file does not name any more stays until the switch.
 */
export async function upInPlace(io: StepIo, standing: Standing): Promise<void> {
  const { prepared, release, file } = standing;
  const isBeside = modeOf(release, file) === 'beside';
  const routed = release.config.routedService;
  const existing = await ownContainers(io, standing);
  const services = prepared.services.filter(({ name }) => !isBeside || name !== routed);
  const placed: Record<string, Placed> = {};
  for (const service of prepared.services) {
    placed[service.name] =
      service.name === routed && !isBeside
        ? await placeRouted(io, standing, { service, instance: 1 })
        : placeInPlace(io, standing, { service, existing });
  }
  if (services.length > 0) await up(io, standing, { placed, args: services.map(({ name }) => name) });
}

/** The routed service once more next to what serves, an instance at a time: each has ports of its own. */
export async function upBeside(io: StepIo, standing: Standing): Promise<void> {
  const service = routedOf(standing);
  for (let instance = 1; instance <= service.replicas; instance += 1)
    await upInstance(io, standing, { service, instance });
}

interface One {
  readonly service: PreparedService;
  readonly instance: number;
}

async function upInstance(io: StepIo, standing: Standing, one: One): Promise<void> {
  const { service, instance } = one;
  const holder = portHolder(standing.release, instance);
  const isIt = ({ labels }: ContainerSummary) => labels[LABELS.ports] === holder;
  for (let attempt = 1; ; attempt += 1) {
    const all = (await ownContainers(io, standing)).filter(({ labels }) => labels[SERVICE_LABEL] === service.name);
    const mine = all.find(isIt);
    if (mine?.state === 'running') return;
    const placed = { [service.name]: await placeRouted(io, standing, one) };
    const scale = `${service.name}=${all.length + (mine === undefined ? 1 : 0)}`;
    try {
      return await up(io, standing, { placed, args: ['--no-recreate', '--scale', scale, service.name] });
    } catch (error) {
      if (!(error instanceof TerminalError) || error.code !== 'port-taken' || attempt > 1) throw error;
      // A host port is ours to choose: another program was faster to take this one.
      for (const { id } of (await ownContainers(io, standing)).filter(isIt))
        await io.docker.removeContainer(id, io.signal);
      await io.refusePorts(holder);
    }
  }
}

async function up(
  io: StepIo,
  standing: Standing,
  { placed, args }: { readonly placed: Readonly<Record<string, Placed>>; readonly args: readonly string[] },
): Promise<void> {
  const { release, prepared } = standing;
  await writeFile(io, release);
  await io.compose.write(OVERRIDE, overrideOf(standing, placed, io));
  const { deadlineSeconds: timeoutSeconds, stopTimeoutSeconds } = release.config;
  const call = { project: prepared.project, files: [FILE, OVERRIDE], env: release.env, timeoutSeconds };
  const stop = ['--timeout', String(stopTimeoutSeconds)];
  await compose(io, call, ['up', '-d', '--no-deps', '--no-build', ...stop, ...args]);
}

/** Facts `containers` and `routePorts`: what this release stands on, whichever deployment made it. */
export async function collect(io: StepIo, standing: Standing): Promise<Facts> {
  const { release, prepared, pins, file } = standing;
  const { routedService: routed } = release.config;
  const all = await ownContainers(io, standing);
  const containers: (ContainerFact & { readonly service: string })[] = [];
  for (const service of prepared.services) {
    const isRouted = service.name === routed;
    const of = all.filter(({ labels }) => labels[SERVICE_LABEL] === service.name);
    const current = isRouted ? of.filter(({ labels }) => labels[LABELS.deploymentId] === release.deploymentId) : of;
    if (current.length < service.replicas) throw missing(service, current.length);
    for (const [at, { id, name, labels }] of inOrder(current).entries()) {
      const ports: Record<number, number> = {};
      const holder = labels[LABELS.ports];
      if (isRouted && holder !== undefined)
        for (const port of portsFor(release)) ports[port] = await io.port(holder, port);
      const own = { name, containerId: id, ports, role: `${service.name}-${at + 1}`, image: pinOf(service, pins) };
      containers.push({ instance: containers.length + 1, ...own, service: service.name, byName: true });
    }
  }
  const behind = containers.filter(({ service }) => service === routed);
  return { containers, routePorts: routePorts(layoutFor(release, file), behind) };
}

function inOrder(containers: readonly ContainerSummary[]): readonly ContainerSummary[] {
  const keyOf = ({ labels, name }: ContainerSummary) => labels[LABELS.ports] ?? name;
  return [...containers].sort((a, b) => keyOf(a).localeCompare(keyOf(b), 'en', { numeric: true }));
}

export function routedOf({ prepared, release }: Standing): PreparedService {
  const found = prepared.services.find(({ name }) => name === release.config.routedService);
  if (found !== undefined) return found;
  throw new TerminalError(
    'invalid-compose',
    `The file has no service ${release.config.routedService}, which is to be routed.`,
  );
}

function missing({ name, replicas }: PreparedService, found: number): TerminalError {
  const text = `Compose made ${found} of ${replicas} container(s) of ${name}. Its output is in the deployment log.`;
  return new TerminalError('compose-failed', text);
}

import type Dockerode from 'dockerode';
import { TerminalError } from '#domain/errors';
import { containerOf, optionsOf, summaryOf } from './container-shape.js';
import { backOff } from './deadline.js';
import type { Container, ContainerSpec, ContainerSummary } from './docker.js';
import type { Engine } from './engine.js';
import { statusOf } from './errors.js';

const DEPLOYMENT_LABEL = 'tinyforge.deployment.id';

/** With their pauses about 2.5 s. */
const MAX_TRIES = 9;

export async function createContainer(
  engine: Engine,
  spec: ContainerSpec,
  signal?: AbortSignal,
): Promise<{ id: string }> {
  refuseOddId(spec.name);
  const call = { what: `create the container ${spec.name}`, milliseconds: engine.deadlines.change, signal };
  return engine.call(call, async (client, deadline) => {
    // A holder of the name may be gone by our look at it, or not be there yet: names are taken before containers are.
    for (let tries = 1; ; tries += 1) {
      try {
        const made = await client.createContainer({ ...asBody(spec), abortSignal: deadline.signal });
        return { id: made.id };
      } catch (error) {
        if (statusOf(error) !== 409 || tries === MAX_TRIES) throw error;
      }
      const holder = await look(client, spec.name, deadline.signal);
      if (holder) return adopt(holder, spec);
      await backOff(tries, deadline.signal);
    }
  });
}

export async function startContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  refuseOddId(id);
  const call = { what: `start the container ${id}`, milliseconds: engine.deadlines.change, signal };
  await engine.call(call, (client, deadline) => {
    return client.getContainer(id).start({ abortSignal: deadline.signal }).catch(unless(304));
  });
}

interface Stop {
  readonly id: string;
  readonly timeoutSeconds: number;
  readonly signal?: AbortSignal | undefined;
}

export async function stopContainer(engine: Engine, { id, timeoutSeconds, signal }: Stop): Promise<void> {
  refuseOddId(id);
  const milliseconds = timeoutSeconds * 1000 + engine.deadlines.stop;
  await engine.call({ what: `stop the container ${id}`, milliseconds, signal, long: true }, (client, deadline) => {
    return client
      .getContainer(id)
      .stop({ t: Math.ceil(timeoutSeconds), abortSignal: deadline.signal })
      .catch(unless(304, 404));
  });
}

export async function removeContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  refuseOddId(id);
  const call = { what: `remove the container ${id}`, milliseconds: engine.deadlines.change, signal, long: true };
  await engine.call(call, async (client, deadline) => {
    const container = client.getContainer(id);
    try {
      await container.remove({ force: true, v: false, abortSignal: deadline.signal });
    } catch (error) {
      unless(404, 409)(error);
      // Somebody else is removing it: gone is what was asked for.
      if (statusOf(error) === 409)
        await container.wait({ condition: 'removed', abortSignal: deadline.signal }).catch(unless(404));
    }
  });
}

export async function inspectContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<Container | null> {
  refuseOddId(id);
  const call = { what: `inspect the container ${id}`, milliseconds: engine.deadlines.look, signal };
  const info = await engine.call(call, (client, deadline) => look(client, id, deadline.signal));
  return info && containerOf(info);
}

export async function listContainers(
  engine: Engine,
  labels: readonly string[],
  signal?: AbortSignal,
): Promise<readonly ContainerSummary[]> {
  const call = { what: 'list containers', milliseconds: engine.deadlines.look, signal };
  const found = await engine.call(call, (client, deadline) => {
    return client.listContainers({ all: true, filters: { label: [...labels] }, abortSignal: deadline.signal });
  });
  return found.map(summaryOf);
}

/** An id becomes part of a path: Docker's own rule for names, which ids fit too. */
export function refuseOddId(id: string): void {
  if (/^[a-zA-Z0-9][\w.-]*$/.test(id)) return;
  throw new TerminalError('docker-rejected', `${JSON.stringify(id)} is neither a container's name nor its id.`);
}

async function look(
  client: Dockerode,
  id: string,
  signal: AbortSignal,
): Promise<Dockerode.ContainerInspectInfo | null> {
  return client
    .getContainer(id)
    .inspect({ abortSignal: signal })
    .catch((error: unknown) => {
      unless(404)(error);
      return null;
    });
}

/** Without the two apart, the client library would put the whole body, environment included, into the URL as well. */
function asBody(spec: ContainerSpec): Dockerode.ContainerCreateOptions {
  return { _query: { name: spec.name }, _body: optionsOf(spec) } as Dockerode.ContainerCreateOptions;
}

function adopt(holder: Dockerode.ContainerInspectInfo, spec: ContainerSpec): { id: string } {
  const ours = spec.labels[DEPLOYMENT_LABEL];
  if (ours && holder.Config.Labels?.[DEPLOYMENT_LABEL] === ours) return { id: holder.Id };
  throw new TerminalError(
    'container-foreign',
    `A container named ${spec.name} exists and is not of this deployment. Rename or remove it: docker rm ${spec.name}`,
    'operator',
  );
}

/** Rethrows any other refusal. */
function unless(...statuses: readonly number[]): (error: unknown) => void {
  return (error) => {
    if (!statuses.includes(statusOf(error) ?? 0)) throw error;
  };
}

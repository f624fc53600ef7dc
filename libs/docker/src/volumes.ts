import type Dockerode from 'dockerode';
import { TerminalError } from '#domain/errors';
import { dial } from './dial.js';
import type { DockerVolume } from './docker.js';
import type { Engine } from './engine.js';
import { statusOf } from './errors.js';

export async function inspectVolume(engine: Engine, name: string, signal?: AbortSignal): Promise<DockerVolume | null> {
  refuseOddName(name);
  const call = { what: `inspect the volume ${name}`, milliseconds: engine.deadlines.look, signal };
  return engine.call(call, async (client, deadline) => {
    try {
      return volumeOf(await client.getVolume(name).inspect({ abortSignal: deadline.signal }));
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  });
}

export async function createVolume(
  engine: Engine,
  { name, labels }: Pick<DockerVolume, 'name' | 'labels'>,
  signal?: AbortSignal,
): Promise<DockerVolume> {
  refuseOddName(name);
  const call = { what: `create the volume ${name}`, milliseconds: engine.deadlines.change, signal };
  return engine.call(call, async (client, deadline) => {
    const body = { _query: {}, _body: { Name: name, Driver: 'local', Labels: { ...labels } } };
    await client.createVolume({ ...body, abortSignal: deadline.signal } as unknown as Dockerode.VolumeCreateOptions);
    return volumeOf(await client.getVolume(name).inspect({ abortSignal: deadline.signal }));
  });
}

export async function removeVolume(engine: Engine, name: string, signal?: AbortSignal): Promise<void> {
  refuseOddName(name);
  const call = { what: `remove the volume ${name}`, milliseconds: engine.deadlines.change, signal, long: true };
  await engine.call(call, async (client, deadline) => {
    try {
      await client.getVolume(name).remove({ abortSignal: deadline.signal });
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (statusOf(error) !== 409) throw error;
      const text = `A container still has the volume ${name}: remove it first (docker ps -a --filter volume=${name}).`;
      throw new TerminalError('volume-in-use', text, 'operator');
    }
  });
}

/** An engine before API 1.42 counts images and containers, too. */
export async function volumeSizes(engine: Engine, signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const call = { what: 'count what volumes hold', milliseconds: engine.deadlines.count, signal, long: true };
  const usage = await engine.call(call, (client, deadline) =>
    dial(client, { path: '/system/df', query: { type: 'volume' }, signal: deadline.signal }),
  );
  const { Volumes } = usage as { Volumes?: readonly Dockerode.VolumeInspectInfo[] | null };
  const known = (Volumes ?? []).flatMap(({ Name, UsageData }) =>
    // -1: a driver that does not say.
    UsageData && UsageData.Size >= 0 ? [[Name, UsageData.Size] as const] : [],
  );
  return new Map(known);
}

/** A name becomes part of a path: Docker's own rule. */
function refuseOddName(name: string): void {
  if (/^[a-zA-Z0-9][\w.-]{0,254}$/.test(name)) return;
  throw new TerminalError('docker-rejected', `${JSON.stringify(name)} is not the name of a volume.`);
}

function volumeOf({ Name, Labels, Driver, Options }: Dockerode.VolumeInspectInfo): DockerVolume {
  return { name: Name, labels: Labels ?? {}, driver: Driver, options: Options ?? {} };
}

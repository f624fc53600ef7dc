import { createHash } from 'node:crypto';
import type Dockerode from 'dockerode';
import { TerminalError } from '#domain/errors';
import { NETWORK_LABEL } from '#domain/naming';
import { backOff } from './deadline.js';
import { dial } from './dial.js';
import type { NetworkSpec } from './docker.js';
import type { Engine } from './engine.js';
import { engineText, statusOf } from './errors.js';

const BRIDGE_OPTION = 'com.docker.network.bridge.name';
const ICC_OPTION = 'com.docker.network.bridge.enable_icc';

/** With their pauses about 2.5 s. */
const MAX_TRIES = 9;

/** Our label is put on in any case: it is how the network is known the next time. */
export async function ensureNetwork(engine: Engine, spec: NetworkSpec, signal?: AbortSignal): Promise<void> {
  const call = { what: `create the network ${spec.name}`, milliseconds: engine.deadlines.look, signal };
  await engine.call(call, async (client, deadline) => {
    for (let tries = 1; ; tries += 1) {
      if (await isThere(client, spec, deadline.signal)) return;
      try {
        await client.createNetwork({ ...asBody(spec), abortSignal: deadline.signal });
        return;
      } catch (error) {
        if (/overlaps with other one/i.test(engineText(error)) && !(await isThere(client, spec, deadline.signal)))
          throw subnetTaken(spec);
        // Another process of ours was quicker: its network shows in a moment.
        if (![403, 409].includes(statusOf(error) ?? 0) || tries === MAX_TRIES) throw error;
      }
      await backOff(tries, deadline.signal);
    }
  });
}

/** False when containers are on it. One of that name which is not ours counts as gone. */
export async function removeNetwork(engine: Engine, name: string, signal?: AbortSignal): Promise<boolean> {
  const call = { what: `remove the network ${name}`, milliseconds: engine.deadlines.change, signal };
  return engine.call(call, async (client, deadline) => {
    const found = await find(client, name, deadline.signal);
    if (found?.Labels?.[NETWORK_LABEL] === undefined) return true;
    try {
      await client.getNetwork(found.Id).remove({ abortSignal: deadline.signal });
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return true;
      if (/active endpoints/i.test(engineText(error))) return false;
      throw error;
    }
  });
}

export async function listNetworks(
  engine: Engine,
  labels: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const call = { what: 'list networks', milliseconds: engine.deadlines.look, signal };
  return engine.call(call, async (client, deadline) => {
    const query = { filters: JSON.stringify({ label: labels }) };
    const found = (await dial(client, { path: '/networks', query, signal: deadline.signal })) as readonly Found[];
    return found.map(({ Name }) => Name);
  });
}

function asBody(spec: NetworkSpec): Dockerode.NetworkCreateOptions {
  const body = {
    Name: spec.name,
    ...(spec.subnet !== undefined && { IPAM: { Driver: 'default', Config: [{ Subnet: spec.subnet }] } }),
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { [NETWORK_LABEL]: spec.name, ...spec.labels },
    Options: { [ICC_OPTION]: String(spec.interContainer), [BRIDGE_OPTION]: bridgeOf(spec.name) },
  };
  return { _query: {}, _body: body } as unknown as Dockerode.NetworkCreateOptions;
}

/**
 * An engine lets several callers at once make networks of one name, and every use of that name fails from then on. It
 * never makes a second bridge interface of one name. At most 15 characters.
 */
function bridgeOf(network: string): string {
  return `tf-${createHash('sha256').update(network).digest('hex').slice(0, 12)}`;
}

interface Found {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options: Readonly<Record<string, string>> | null;
}

async function isThere(client: Dockerode, spec: NetworkSpec, signal: AbortSignal): Promise<boolean> {
  const found = await find(client, spec.name, signal);
  if (!found) return false;
  if (found.Labels?.[NETWORK_LABEL] === undefined) throw foreign(spec, 'is not labelled as ours');
  if ((found.Options?.[ICC_OPTION] !== 'false') !== spec.interContainer)
    throw foreign(spec, 'has another rule for traffic between containers');
  return true;
}

/** The engine's filter takes a part of a name for the name. */
async function find(client: Dockerode, name: string, signal: AbortSignal): Promise<Found | undefined> {
  const query = { filters: JSON.stringify({ name: [name] }) };
  const list = (await dial(client, { path: '/networks', query, signal })) as readonly Found[];
  return list.find((network) => network.Name === name);
}

function subnetTaken({ subnet }: NetworkSpec): Error {
  const text = `The addresses ${subnet} belong to another network of this host.`;
  return new TerminalError('subnet-taken', text, 'operator');
}

function foreign(spec: NetworkSpec, why: string): Error {
  const text = `A network named ${spec.name} exists and ${why}. Remove it: docker network rm ${spec.name}`;
  return new TerminalError('network-foreign', text, 'operator');
}

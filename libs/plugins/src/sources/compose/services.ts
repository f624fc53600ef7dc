import { isMap, listOf, textOf, type ComposeFile, type JsonMap } from './read-file.js';
import { isStateful } from './mounts.js';

/** A service with all that it takes over from others of the file. */
export function serviceOf(file: ComposeFile, name: string, seen: readonly string[] = []): JsonMap {
  const own = file.services[name] ?? {};
  const { extends: base } = own;
  const of = typeof base === 'string' ? base : isMap(base) ? base['service'] : undefined;
  if (typeof of !== 'string' || seen.includes(of)) return own;
  return { ...serviceOf(file, of, [...seen, name]), ...own };
}

/** Those that start by themselves: a profile is for whoever asks for it. */
export function activeServices(file: ComposeFile): readonly string[] {
  return Object.keys(file.services).filter((name) => {
    const { profiles } = serviceOf(file, name);
    return !Array.isArray(profiles) || profiles.length === 0;
  });
}

export function replicasOf(file: ComposeFile, name: string): number {
  const { scale, deploy } = serviceOf(file, name);
  const wanted = isMap(deploy) && deploy['replicas'] !== undefined ? deploy['replicas'] : scale;
  const count = Number(wanted ?? 1);
  return Number.isSafeInteger(count) && count >= 0 ? count : 1;
}

/** Why a new container of the service cannot stand beside the old one; empty = it can. */
export function tiesOf(file: ComposeFile, name: string): readonly string[] {
  const service = serviceOf(file, name);
  const ties: string[] = [];
  if (service['container_name'] !== undefined) ties.push('it has a fixed container_name');
  if (hasFixedPort(service)) ties.push('it publishes a fixed host port');
  if (service['network_mode'] !== undefined) ties.push('it has a network_mode of its own');
  if (hasFixedAddress(service)) ties.push('it has a fixed address');
  if (isStateful(service)) ties.push('it writes to a volume, and two of it would write there at once');
  const others = Object.keys(file.services).filter((other) => other !== name && isTied(serviceOf(file, other), name));
  if (others.length > 0) ties.push(`${others.join(', ')} share its network or volumes`);
  return ties;
}

function hasFixedPort({ ports }: JsonMap): boolean {
  return listOf(ports).some((port) =>
    isMap(port) ? port['published'] !== undefined : /[^{}]:(?![^{]*\})/.test(textOf(port)),
  );
}

function hasFixedAddress({ networks, mac_address: mac }: JsonMap): boolean {
  const attachments = isMap(networks) ? Object.values(networks) : [];
  return (
    mac !== undefined || attachments.some((each) => isMap(each) && ('ipv4_address' in each || 'ipv6_address' in each))
  );
}

function isTied(service: JsonMap, to: string): boolean {
  const joined = [service['network_mode'], service['pid'], service['ipc']].some((mode) => mode === `service:${to}`);
  return joined || listOf(service['volumes_from']).some((each) => textOf(each).split(':')[0] === to);
}

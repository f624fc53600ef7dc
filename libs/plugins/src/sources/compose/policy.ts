import { PREFIX } from './variables.js';
import type { ComposeFile, Json, JsonMap } from './read-file.js';
import { isMap, textOf } from './read-file.js';
import { needsAdmin, type Granted, type Refusal } from './permissions.js';
import { refusalsOfService } from './policy-service.js';

/**
 * What a file asks for that it may not have. Run over the CLI's own reading of it, no spelling gets round this: whatever
 * is not known to be harmless is refused. Over a file as it is written it tells early what can be told: `isFinal` says
 * that variables are filled in.
 */
export function refusals(file: ComposeFile, granted: Granted, { project, isFinal }: Reading): readonly Refusal[] {
  const found: readonly Refusal[] = [
    ...file.others.map((key) => ({ path: key, detail: detailOfTop(key) })),
    ...each(file.services, 'services', (service, path) => refusalsOfService(service ?? {}, { path, granted })),
    ...each(file.networks, 'networks', (network, path, key) =>
      ofNetwork(network ?? {}, { path, key, granted, project }),
    ),
    ...each(file.volumes, 'volumes', (volume, path) => ofVolume(volume ?? {}, path, granted)),
    ...each(file.secrets, 'secrets', (secret, path) => ofSecret(secret ?? {}, path)),
    ...each(file.configs, 'configs', (config, path) => ofSecret(config ?? {}, path)),
  ];
  return isFinal ? found : found.filter(({ path, isValue }) => !isValue || !isOpen(valueAt(file, path)));
}

export interface Reading {
  readonly project: string;
  readonly isFinal: boolean;
}

function each<T>(
  section: Readonly<Record<string, T>>,
  name: string,
  look: (value: T, path: string, key: string) => readonly Refusal[],
): readonly Refusal[] {
  return Object.entries(section).flatMap(([key, value]) => look(value, `${name}.${key}`, key));
}

function detailOfTop(key: string): string {
  return key === 'include' ? 'reads other files, and there are none beside this one' : 'is no key that is let through';
}

interface NetworkAt {
  readonly path: string;
  readonly key: string;
  readonly granted: Granted;
  readonly project: string;
}

const NETWORK_KEYS = ['driver', 'internal', 'labels', 'ipam', 'attachable', 'enable_ipv6', 'enable_ipv4', 'name'];

function ofNetwork(network: JsonMap, { path, key, granted, project }: NetworkAt): readonly Refusal[] {
  const found: Refusal[] = [];
  const { external, driver, driver_opts: options } = network;
  const name = isMap(external) ? external['name'] : network['name'];
  const isExternal = external !== undefined && external !== null && external !== false;
  const isForeign = isExternal || (name !== undefined && name !== `${project}_${key}`);
  if (isForeign && /^(tinyforge|tf-|host$|bridge$)/.test(textOf(name ?? key)))
    found.push({ path, detail: 'is a network of the platform or the host, and no project may join it' });
  else if (isForeign && !granted.has('external_networks'))
    found.push(needsAdmin(`${path}.${isExternal ? 'external' : 'name'}`, 'external_networks'));
  const isBridge = driver === undefined || driver === null || driver === 'bridge' || driver === '';
  if (!isBridge && !granted.has('network_drivers')) found.push(needsAdmin(`${path}.driver`, 'network_drivers'));
  if (isFilled(options) && !granted.has('network_drivers'))
    found.push(needsAdmin(`${path}.driver_opts`, 'network_drivers'));
  return [...found, ...unknown(network, [...NETWORK_KEYS, 'external', 'driver_opts'], path)];
}

/** `driver_opts` of the local driver make a volume a window on the host. */
function ofVolume(volume: JsonMap, path: string, granted: Granted): readonly Refusal[] {
  const { driver, driver_opts: options } = volume;
  const found: Refusal[] = [];
  const isLocal = driver === undefined || driver === null || driver === 'local' || driver === '';
  if (!isLocal && !granted.has('volume_drivers')) found.push(needsAdmin(`${path}.driver`, 'volume_drivers'));
  if (isFilled(options) && !granted.has('volume_drivers'))
    found.push(needsAdmin(`${path}.driver_opts`, 'volume_drivers'));
  return [...found, ...unknown(volume, ['driver', 'driver_opts', 'labels', 'name', 'external'], path)];
}

/** A secret or config may come from a variable or stand in the file itself. */
function ofSecret(secret: JsonMap, path: string): readonly Refusal[] {
  if (secret['file'] !== undefined)
    return [{ path: `${path}.file`, detail: 'reads a file of the host. Take "environment" instead' }];
  return unknown(secret, ['environment', 'content', 'name', 'labels'], path);
}

function unknown(map: JsonMap, known: readonly string[], path: string): readonly Refusal[] {
  const strange = Object.keys(map).filter((key) => !known.includes(key) && !key.startsWith('x-'));
  return strange.map((key) => ({ path: `${path}.${key}`, detail: 'is no key that is let through' }));
}

function isFilled(value: Json | undefined): boolean {
  return isMap(value) ? Object.keys(value).length > 0 : value !== undefined && value !== null;
}

/** Stands for something that is known only once variables are. */
function isOpen(value: Json | undefined): boolean {
  return typeof value === 'string' && (/(^|[^$])\$(\{|[A-Za-z_])/.test(value) || value.includes(PREFIX));
}

function valueAt(file: ComposeFile, path: string): Json | undefined {
  const [section = '', key = '', ...rest] = path.split('.');
  const top = (file as unknown as Record<string, Record<string, Json> | undefined>)[section]?.[key];
  return rest.reduce<Json | undefined>((value, part) => {
    if (Array.isArray(value)) return (value as readonly Json[])[Number(part)];
    return isMap(value) ? value[part] : undefined;
  }, top);
}
